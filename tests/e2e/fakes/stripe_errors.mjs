// How the fake Stripe says no, and how it reads parameters.
import { Refusal } from './wire.mjs';

export const refuse = (status, error, headers) => { throw new Refusal(status, { error: { type: 'invalid_request_error', ...error } }, headers); };
export const missing = (id, param = 'id') => refuse(404, { code: 'resource_missing', message: `No such object: '${id}'`, param });
export const number = (text, param) => /^-?\d+$/.test(text ?? '') ? Number(text) : refuse(400, { code: 'parameter_invalid_integer', message: `Invalid integer: ${text}`, param });
export const truth = (text) => text === true || text === 'true';
export const clone = (value) => structuredClone(value);
