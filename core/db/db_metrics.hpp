// The store's figures. Internal to core/db; owned by a Db, thread-safe.
#pragma once

#include "core/base/metrics.hpp"

namespace ccp::db {

struct DbMetrics {
  explicit DbMetrics(Metrics& metrics)
      : queue_depth(metrics.gauge("ccp_db_queue_depth", "Writes waiting for the database")),
        batch_size(metrics.histogram("ccp_db_commit_batch", "Units of work per commit", {},
                                     {1, 2, 4, 8, 16, 32, 64, 128, 256})),
        commit_seconds(metrics.histogram(
            "ccp_db_commit_seconds", "Time of one commit, with its units of work", {},
            {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5})),
        log_pages(metrics.gauge("ccp_db_log_pages",
                                "Pages in SQLite's write-ahead log at the last commit")),
        checkpoints(metrics.counter("ccp_db_checkpoints_total",
                                    "Times that SQLite's log was moved into the database file")),
        refused(metrics.counter("ccp_db_overloaded_total",
                                "Units of work refused because too many were waiting")),
        retries(metrics.counter("ccp_db_retries_total",
                                "Units of work run again after a serialisation failure")),
        reconnects(metrics.counter("ccp_db_reconnects_total",
                                   "Connections opened again after they broke")) {}

  Gauge& queue_depth;
  Histogram& batch_size;
  Histogram& commit_seconds;
  Gauge& log_pages;
  Counter& checkpoints;
  Counter& refused;
  Counter& retries;
  Counter& reconnects;
};

}  // namespace ccp::db
