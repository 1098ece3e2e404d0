/* The plugin through its C table, on a host of the test's own: its MACs are 32 zero bytes. */
#include "ccp/abi/inbound.h"
#include "ccp/c/testing.h"

static ccp_fake fake;

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
/* {"id":"d1","command":"seat.assign","user":"U1"} */
#define BODY "eyJpZCI6ImQxIiwiY29tbWFuZCI6InNlYXQuYXNzaWduIiwidXNlciI6IlUxIn0"
#define REQUEST(signature, body) "{\"headers\":[[\"Accept\",\"*/*\"],[\"X-SIGNATURE\",\"" signature "\"]],\"body_base64url\":\"" body "\",\"received_at\":\"2026-11-21T08:00:00Z\"}"

int main(void) {
  const ccp_plugin *plugin = ccp_plugin_entry_v1();
  const ccp_inbound_v1 *table = plugin->extension(plugin, CCP_INBOUND_ID);
  ccp_fake_init(&fake);
  CCP_EXPECT(ccp_fake_create(&fake, plugin) != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"secret\":{\"$secret\":\"hook/secret\"}}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->start, "{}") == CCP_RC_OK);

  CCP_EXPECT(ccp_fake_run(&fake, table->verify, REQUEST("sha256=" ZEROS, BODY)) == CCP_RC_OK);
  CCP_EXPECT(strcmp(fake.macced, "{\"id\":\"d1\",\"command\":\"seat.assign\",\"user\":\"U1\"}") == 0);
  fake.mac[31] = 1;
  CCP_EXPECT(ccp_fake_run(&fake, table->verify, REQUEST("sha256=" ZEROS, BODY)) == CCP_RC_UNAUTHENTICATED);
  CCP_EXPECT(strstr(fake.err, "signature_invalid") != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, table->verify, REQUEST("", BODY)) == CCP_RC_UNAUTHENTICATED);
  CCP_EXPECT(ccp_fake_run(&fake, table->verify, "{}") == CCP_RC_INVALID_ARGUMENT);

  CCP_EXPECT(ccp_fake_run(&fake, table->parse, REQUEST("", BODY)) == CCP_RC_OK);
  CCP_EXPECT(strcmp(fake.out, "{\"commands\":[{\"id\":\"d1\",\"kind\":\"seat.assign\",\"actor\":\"U1\",\"args\":{}}],\"reply\":{\"status\":202}}") == 0);
  CCP_EXPECT(ccp_fake_run(&fake, table->parse, REQUEST("", "e30")) == CCP_RC_INVALID_ARGUMENT); /* {} */
  CCP_EXPECT(ccp_fake_run(&fake, table->respond, "{\"command\":{},\"outcome\":{\"status\":\"done\",\"text\":\"\"}}") == CCP_RC_OK && fake.log_lines == 1);
  return ccp_fake_finish(&fake);
}
