-- Of a draft's answer: the decision that was obeyed instead.
alter table policy_decisions add column shadow_of text not null default '';
