/* The plugin through its C table, on a host of the test's own: its random bytes count up. */
#include "ccp/abi/identity.h"
#include "ccp/c/testing.h"

static ccp_fake fake;

int main(void) {
  const ccp_plugin *plugin = ccp_plugin_entry_v1();
  const ccp_identity_v1 *table = plugin->extension(plugin, CCP_IDENTITY_ID);
  ccp_fake_init(&fake);
  fake.now_us = 1000000;
  CCP_EXPECT(ccp_fake_create(&fake, plugin) != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"expires_in_s\":\"soon\"}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"expires_in_s\":60}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->start, "{}") == CCP_RC_OK);

  CCP_EXPECT(ccp_fake_run(&fake, table->begin, "{\"client_id\":\"ccp-cli\"}") == CCP_RC_OK);
  CCP_EXPECT(strstr(fake.out, "\"user_code\":\"BCDF-GHJK\"") != NULL && strstr(fake.out, "\"state\":{\"expires_at_us\":61000000}") != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, table->poll, "{\"state\":{\"expires_at_us\":61000000},\"decision\":\"\",\"now_us\":2000000}") == CCP_RC_OK);
  CCP_EXPECT(strcmp(fake.out, "{\"status\":\"pending\",\"interval_s\":5,\"state\":{\"expires_at_us\":61000000}}") == 0);
  CCP_EXPECT(ccp_fake_run(&fake, table->poll, "{\"state\":{\"expires_at_us\":61000000},\"decision\":\"approved\",\"now_us\":2000000}") == CCP_RC_OK);
  CCP_EXPECT(strstr(fake.out, "\"done\"") != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, table->poll, "{\"state\":{\"expires_at_us\":61000000},\"decision\":\"approved\",\"now_us\":61000000}") == CCP_RC_OK);
  CCP_EXPECT(strstr(fake.out, "\"expired\"") != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, table->poll, "{\"now_us\":1}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, table->complete, "{}") == CCP_RC_UNIMPLEMENTED);
  CCP_EXPECT(ccp_fake_run(&fake, table->describe, "{}") == CCP_RC_OK);
  fake.missing = CCP_CRYPTO_ID;
  CCP_EXPECT(ccp_fake_run(&fake, table->begin, "{}") == CCP_RC_INTERNAL);
  return ccp_fake_finish(&fake);
}
