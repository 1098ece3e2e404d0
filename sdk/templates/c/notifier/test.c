/* The plugin through its C table, on a host of the test's own. */
#include "ccp/abi/notifier.h"
#include "ccp/c/testing.h"

static ccp_fake fake;

int main(void) {
  const ccp_plugin *plugin = ccp_plugin_entry_v1();
  const ccp_notifier_v1 *table = plugin->extension(plugin, CCP_NOTIFIER_ID);
  const char *message = "{\"message\":{\"text\":\"hello \\\"you\\\"\"},\"target\":\"#ops\"}";
  ccp_fake_init(&fake);
  CCP_EXPECT(ccp_fake_create(&fake, plugin) != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"url\":5}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"url\":\"https://chat.example.com/hooks/1\",\"token\":{\"$secret\":\"chat/token\"}}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->start, "{}") == CCP_RC_OK);

  CCP_EXPECT(ccp_fake_run(&fake, table->render, "{\"event\":{\"id\":\"evt_1\",\"type\":\"license.expired\",\"subject\":\"lic_1\",\"org\":\"org_1\"}}") == CCP_RC_OK);
  CCP_EXPECT(strstr(fake.out, "\"text\":\"license.expired: lic_1 (org_1)\"") != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, table->render, "{}") == CCP_RC_INVALID_ARGUMENT);

  CCP_EXPECT(ccp_fake_run(&fake, table->send, message) == CCP_RC_OK);
  CCP_EXPECT(fake.requests == 1 && strcmp(fake.body, "{\"text\":\"hello \\\"you\\\"\",\"channel\":\"#ops\"}") == 0);
  CCP_EXPECT(strstr(fake.head, "\"https://chat.example.com/hooks/1\"") != NULL && strstr(fake.head, "{\"bearer\":\"chat/token\"}") != NULL);
  fake.http_status = 503;
  CCP_EXPECT(ccp_fake_run(&fake, table->send, message) == CCP_RC_UNAVAILABLE && strstr(fake.err, "503") != NULL);
  fake.http_status = 429;
  CCP_EXPECT(ccp_fake_run(&fake, table->send, message) == CCP_RC_RATE_LIMITED);
  fake.missing = CCP_HTTP_ID;
  CCP_EXPECT(ccp_fake_run(&fake, table->send, message) == CCP_RC_INTERNAL);
  CCP_EXPECT(ccp_fake_run(&fake, table->test_connection, "{}") == CCP_RC_OK);
  return ccp_fake_finish(&fake);
}
