/* The plugin through its C table, on a host of the test's own. */
#include "ccp/abi/exporter.h"
#include "ccp/c/testing.h"

static ccp_fake fake;

int main(void) {
  const ccp_plugin *plugin = ccp_plugin_entry_v1();
  const ccp_exporter_v1 *table = plugin->extension(plugin, CCP_EXPORTER_ID);
  const char *batch = "{\"stream\":\"events\",\"first_sequence\":6,\"last_sequence\":7,\"records\":[{\"sequence\":6},{\"sequence\":7}]}";
  ccp_fake_init(&fake);
  CCP_EXPECT(ccp_fake_create(&fake, plugin) != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"url\":\"https://collector.example.com/batches\"}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->start, "{}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->open, "{\"stream\":\"events\",\"cursor\":0}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->open, "{\"stream\":\"other\",\"cursor\":0}") == CCP_RC_UNIMPLEMENTED);

  fake.http_status = 202;
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_OK && strcmp(fake.out, "{\"last_sequence\":7}") == 0);
  CCP_EXPECT(strcmp(fake.body, "{\"stream\":\"events\",\"records\":[{\"sequence\":6},{\"sequence\":7}]}") == 0);
  CCP_EXPECT(strstr(fake.head, "[\"Idempotency-Key\",\"events-7\"]") != NULL);
  fake.http_status = 500;
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_UNAVAILABLE);
  fake.http_rc = CCP_RC_DEADLINE_EXCEEDED;
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_DEADLINE_EXCEEDED);
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, "{\"stream\":\"events\"}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, table->flush, "{\"stream\":\"events\"}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->close, "{\"stream\":\"events\"}") == CCP_RC_OK);
  return ccp_fake_finish(&fake);
}
