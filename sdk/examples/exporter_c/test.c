/* The exporter through its C table, on a host of the test's own. */
#include "ccp/abi/exporter.h"
#include "ccp/c/testing.h"

static ccp_fake fake;

int main(void) {
  const ccp_plugin *plugin = ccp_plugin_entry_v1();
  const ccp_exporter_v1 *table = plugin->extension(plugin, CCP_EXPORTER_ID);
  const char *batch = "{\"stream\":\"events\",\"first_sequence\":6,\"last_sequence\":7,\"records\":[{\"sequence\":6,\"data\":{\"a\":\"\\n\"}} , {\n\"sequence\":7}]}";
  int i;
  ccp_fake_init(&fake);
  CCP_EXPECT(ccp_fake_create(&fake, plugin) != NULL);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{\"url\":\"https://collector.example.com/v1/lines\",\"token\":{\"$secret\":\"jsonlines/token\"}}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->start, "{}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->open, "{\"stream\":\"rollups\",\"cursor\":0}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->open, "{\"stream\":\"other\",\"cursor\":0}") == CCP_RC_UNIMPLEMENTED);

  /* One line per record, the batch's range as the key, the token by its id. */
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_OK && strcmp(fake.out, "{\"last_sequence\":7}") == 0);
  CCP_EXPECT(strcmp(fake.body, "{\"sequence\":6,\"data\":{\"a\":\"\\n\"}}\n{ \"sequence\":7}\n") == 0);
  CCP_EXPECT(strstr(fake.head, "[\"Idempotency-Key\",\"events-6-7\"]") != NULL && strstr(fake.head, "{\"bearer\":\"jsonlines/token\"}") != NULL);

  /* The collector may take a part of it, but no more than was sent. */
  fake.http_body = "{\"last_sequence\":6}";
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_OK && strcmp(fake.out, "{\"last_sequence\":6}") == 0);
  fake.http_body = "{\"last_sequence\":5}";
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_OK && strcmp(fake.out, "{\"last_sequence\":5}") == 0);
  fake.http_body = "{\"last_sequence\":8}";
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_UNAVAILABLE);

  /* Three failures in a row show in health; one success ends that. */
  fake.http_body = "";
  fake.http_status = 503;
  for (i = 0; i < 3; ++i) CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_UNAVAILABLE);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->health, "{}") == CCP_RC_OK && strstr(fake.out, "degraded") != NULL && fake.log_lines == 1);
  fake.http_status = 202;
  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, batch) == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, plugin->health, "{}") == CCP_RC_OK && strstr(fake.out, "ok") != NULL);

  CCP_EXPECT(ccp_fake_run(&fake, table->write_batch, "{\"stream\":\"events\",\"first_sequence\":1,\"last_sequence\":1,\"records\":{}}") == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(ccp_fake_run(&fake, table->flush, "{\"stream\":\"events\"}") == CCP_RC_OK);
  CCP_EXPECT(ccp_fake_run(&fake, table->close, "{\"stream\":\"events\"}") == CCP_RC_OK);
  return ccp_fake_finish(&fake);
}
