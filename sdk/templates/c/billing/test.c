/* The plugin through its C table, on a host of the test's own: its MACs are 32 zero bytes. */
#include "ccp/abi/billing.h"
#include "ccp/c/testing.h"

static ccp_fake fake;

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
/* {"events":[]} */
#define BODY "eyJldmVudHMiOltdfQ"
#define HOOK(signature, body) "{\"headers\":[[\"X-Signature\",\"" signature "\"]],\"body\":\"" body "\"}"

int main(void) {
  const ccp_plugin *plugin = ccp_plugin_entry_v1();
  const ccp_billing_v1 *table = plugin->extension(plugin, CCP_BILLING_ID);
  ccp_fake_init(&fake);
  CCP_EXPECT(ccp_fake_create(&fake, plugin) != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"base_url\":\"https://pay.example.com/\",\"api_key\":{\"$secret\":\"pay/key\"},\"webhook_secret\":{\"$secret\":\"pay/hook\"}}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->start, "{}") == CCP_RC_OK);

  fake.http_body = "{\"customer_id\":\"c1\"}";
  CCP_EXPECT(ccp_fake_run(&fake, table->ensure_customer, "{\"org_id\":\"org_1\"}") == CCP_RC_OK && strcmp(fake.out, fake.http_body) == 0);
  CCP_EXPECT(strstr(fake.head, "\"https://pay.example.com/ensure_customer\"") != NULL && strstr(fake.head, "{\"bearer\":\"pay/key\"}") != NULL);
  CCP_EXPECT(strcmp(fake.body, "{\"org_id\":\"org_1\"}") == 0);
  CCP_EXPECT(ccp_fake_run(&fake, table->get_subscription, "{\"subscription_id\":\"s1\"}") == CCP_RC_UNAVAILABLE); /* no status in it */
  fake.http_body = "<html>";
  CCP_EXPECT(ccp_fake_run(&fake, table->ensure_customer, "{}") == CCP_RC_UNAVAILABLE);
  CCP_EXPECT(ccp_fake_run(&fake, table->diagnose, "{}") == CCP_RC_UNIMPLEMENTED);

  CCP_EXPECT(ccp_fake_run(&fake, table->verify_webhook, HOOK("sha256=" ZEROS, BODY)) == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->verify_webhook, HOOK("sha256=", BODY)) == CCP_RC_UNAUTHENTICATED);
  CCP_EXPECT(ccp_fake_run(&fake, table->verify_webhook, HOOK("", "not base64url!")) == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, table->parse_webhook, HOOK("", BODY)) == CCP_RC_OK && strcmp(fake.out, "{\"events\":[]}") == 0);
  CCP_EXPECT(ccp_fake_run(&fake, table->parse_webhook, HOOK("", "e30")) == CCP_RC_INVALID_ARGUMENT);
  return ccp_fake_finish(&fake);
}
