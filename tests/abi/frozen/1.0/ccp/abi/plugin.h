/* ccp/abi/plugin.h - the plugin ABI of CCP, major version 1: entry point, lifecycle, calls, errors.
 *
 * A plugin is one shared object that exports exactly one symbol, ccp_plugin_entry_v1(). Everything
 * else is reached through string ids: interfaces of the plugin ("ccp.billing/1") by
 * ccp_plugin.extension, services of the host ("ccp.http/1") by ccp_host.service.
 *
 * Rules that hold for every header of this family
 *  - C11, no dependency but <stddef.h> and <stdint.h>; also valid C++11 and later.
 *  - Structs grow at the end only; `size` says how much of one is there. Read through the pointer and
 *    ask CCP_HAS() before you touch a field that a newer minor version added. Never copy by sizeof.
 *  - Slots of a table are never removed, reordered or NULL; an operation that is not provided returns
 *    CCP_RC_UNIMPLEMENTED.
 *  - No C++ exception, longjmp or unwinding crosses the boundary, in either direction.
 *  - Text is UTF-8. JSON is RFC 8259, at most 64 levels deep, without duplicate keys. Unknown members
 *    are ignored.
 *  - A plugin creates no threads, and leaves alone what belongs to the process: signals, locale, umask,
 *    working directory, environment, std::set_terminate, malloc hooks, exit handlers.
 *
 * Thread tags
 *  [load]        once per process, serialised by the host.
 *  [control]     per instance: the host never runs two of these at once, nor beside a [concurrent]
 *                call of the same instance, except health.
 *  [concurrent]  any host thread, at most `max_concurrency` of the signed manifest at once.
 *  [callback]    a service of the host: thread-safe, to be called only while a call of this plugin is
 *                on the stack of the same thread.
 *  [any]         a service of the host that may be called at any time between create and destroy.
 *
 * In process, a plugin is trusted code: the signature is the boundary, not this ABI.
 */
#ifndef CCP_ABI_PLUGIN_H
#define CCP_ABI_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_ABI_MAJOR 1
#define CCP_ABI_MINOR 0
#define CCP_PLUGIN_MAGIC UINT32_C(0x31504343) /* "CCP1" in memory of a little-endian machine */
#define CCP_ENTRY_SYMBOL "ccp_plugin_entry_v1"

#if defined(__GNUC__)
#define CCP_EXPORT __attribute__((visibility("default")))
#else
#define CCP_EXPORT
#endif

/* True when the struct behind `p` is large enough to hold `field` and the field is not NULL. For
 * pointer members. `p` is evaluated more than once. */
#define CCP_HAS(p, field)                                                                        \
  ((size_t)((const char *)&(p)->field - (const char *)(p)) + sizeof((p)->field) <= (p)->size && \
   (p)->field != 0)

/* Result classes. The numbers are frozen; the detail is JSON in ccp_call.err. */
typedef int32_t ccp_rc;
#define CCP_RC_OK 0
#define CCP_RC_INVALID_ARGUMENT 1   /* the input is wrong, repeating does not help */
#define CCP_RC_UNAUTHENTICATED 2    /* a signature or credential does not verify */
#define CCP_RC_PERMISSION_DENIED 3  /* known, but not allowed */
#define CCP_RC_NOT_FOUND 4
#define CCP_RC_CONFLICT 5           /* the current state forbids it */
#define CCP_RC_RATE_LIMITED 6       /* repeat after retry_after_ms */
#define CCP_RC_RESOURCE_EXHAUSTED 7 /* a quota or a size bound of the host */
#define CCP_RC_UNAVAILABLE 8        /* repeating may help */
#define CCP_RC_DEADLINE_EXCEEDED 9
#define CCP_RC_CANCELLED 10
#define CCP_RC_UNIMPLEMENTED 11
#define CCP_RC_INTERNAL 12          /* a bug on the side that says it */
#define CCP_RC_DATA_LOSS 13
#define CCP_RC_COUNT 14

/* Borrowed bytes, UTF-8 unless the field says otherwise. Valid for the call only; not terminated by
 * NUL; `ptr` may be NULL when `len` is 0. */
typedef struct ccp_str {
  const char *ptr;
  size_t len;
} ccp_str;

/* A growing buffer of the side that wants bytes; the other side only writes. So no allocation crosses
 * the boundary. */
typedef struct ccp_sink {
  uint32_t size;
  uint32_t reserved;
  void *ctx; /* owned by whoever made the sink */
  /* Appends `len` bytes, which are copied before it returns.
   * CCP_RC_RESOURCE_EXHAUSTED: the byte cap is reached, nothing of this write was kept; the writer
   * stops and returns the same class. */
  ccp_rc (*write)(const struct ccp_sink *self, const void *data, size_t len);
} ccp_sink;

/* One invocation. Owned by the host, valid until the operation returns. */
typedef struct ccp_call {
  uint32_t size;
  uint32_t flags;            /* none defined: 0 */
  uint64_t deadline_mono_ns; /* of ccp.clock/1 mono_ns; 0 = none. Host services inherit it. */
  ccp_str request_id;        /* for logs; forwarded to providers where they take one */
  ccp_str tenant;            /* organization id, may be empty */
  ccp_str idempotency_key;   /* the same across retries and instances; forward it to the provider */
  const ccp_sink *out;       /* the result: exactly one JSON value; written only when returning OK */
  const ccp_sink *err;       /* on any other class: {"code","title","detail","retry_after_ms",
                                "provider_code"}, all optional, at most 16 KiB, never a secret */
  /* 1 when nobody waits for the result any more, else 0. Cheap; poll it in loops. [callback] */
  int32_t (*is_cancelled)(const struct ccp_call *self);
} ccp_call;

/* One use of a plugin, made by create, owned by the plugin, given back to destroy. */
typedef struct ccp_instance ccp_instance;

/* Every operation of every interface has this type. `in_json` is one JSON value. [concurrent] unless
 * its interface says otherwise. The deadline is the plugin's to keep: an operation that overruns it is
 * abandoned and takes its instance out of service. */
typedef ccp_rc (*ccp_op)(ccp_instance *instance, const ccp_call *call, ccp_str in_json);

/* What the host offers to one instance. Valid from create until destroy returns. */
typedef struct ccp_host {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor; /* informational; `size` decides */
  void *ctx;          /* the host's */
  const char *name;    /* "ccpd", for logs */
  const char *version; /* of the host */
  /* The service with this id, or NULL. The pointer is valid as long as the host is. What the manifest
   * lists under `requires` is there; `optional` may be absent. [any] */
  const void *(*service)(const struct ccp_host *self, const char *id);
  /* "dev" or "prod": the mode of the state directory. A plugin that must not meet real customers asks
   * here and refuses to be configured anywhere but in dev. NULL counts as prod. */
  const char *mode;
} ccp_host;

/* The plugin itself: one static, immutable object. */
typedef struct ccp_plugin {
  uint32_t magic; /* CCP_PLUGIN_MAGIC */
  uint32_t size;
  uint16_t abi_major; /* CCP_ABI_MAJOR the plugin was built with */
  uint16_t abi_minor;
  uint32_t reserved;
  const char *id;              /* equals `id` of the signed manifest */
  const char *version;         /* equals `version` of the signed manifest */
  const char *vendor_abi_note; /* free text for support, may be "" */

  /* Makes an instance. Does no I/O and starts nothing. On OK `*out` is the instance; otherwise it is
   * left alone. `host` outlives the instance; `instance_name` is borrowed. [control] */
  ccp_rc (*create)(const ccp_host *host, ccp_str instance_name, ccp_instance **out);
  /* Takes the configuration, which the host has checked against the manifest's schema and completed
   * with its defaults. Exactly once per instance, free of side effects, so that checking a
   * configuration may call it. CCP_RC_INVALID_ARGUMENT with a text for what the schema cannot say.
   * [control] */
  ccp_op configure;
  /* Ready for operations when it returns OK. Periodic work is registered here. [control] */
  ccp_op start;
  /* Cheap and local: {"status":"ok"|"degraded"|"failing","detail":"…"}. [control], but may run beside
   * operations. */
  ccp_op health;
  /* No new operations come; finish what must not be lost. [control] */
  ccp_op drain;
  /* Let go of everything. No operation is running. [control] */
  ccp_op stop;
  /* Frees the instance; legal after any state. [control] */
  void (*destroy)(ccp_instance *instance);

  /* The table of an interface ("ccp.billing/1"), or NULL. Static. [load] */
  const void *(*extension)(const struct ccp_plugin *self, const char *id);
} ccp_plugin;

/* The one exported symbol. Returns a static object; runs nothing else. [load] */
CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void);
typedef const ccp_plugin *(*ccp_plugin_entry_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
