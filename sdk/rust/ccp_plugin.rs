// The Rust SDK, a crate without dependencies: implement Plugin and an interface, end the file with plugin!().
//
//   use ccp_sdk::{Call, Error, Host, Json, Notifier, Plugin};
//   struct Chat { url: String }
//   impl Plugin for Chat {
//       fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> { … }
//   }
//   impl Notifier for Chat { fn render(&self, call: &Call, input: &Json) -> Result<Json, Error> { … } … }
//   ccp_sdk::plugin!(Chat: notifier);
//
// Every function that the host can call runs inside guard(): a panic becomes INTERNAL and never unwinds into
// the host, an Err becomes its class and problem JSON. Operations run on many host threads at once (&self), up
// to max_concurrency of the manifest. CCP_PLUGIN_ID and CCP_PLUGIN_VERSION come from the build
// (ccp_add_plugin() reads them from plugin.json). Works with rustc 1.63 and newer.
#[path = "ccp_abi.rs"]
pub mod abi;
#[path = "ccp_json.rs"]
mod json;

pub use json::Json;

use abi::*;
use std::ffi::{c_void, CStr};
use std::mem::{size_of, MaybeUninit};
use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, RwLock};

/// Why an operation failed: the class decides what the host does, the rest is for people.
#[derive(Clone, Debug)]
pub struct Error {
    pub rc: ccp_rc,
    pub code: String,
    pub detail: String,
    pub retry_after_ms: i64,
    pub provider_code: String,
}

impl Error {
    /// `Error::new(CCP_RC_NOT_FOUND, "no_such_plan", "The plan is not known.")`; never put a secret into it.
    pub fn new(rc: ccp_rc, code: &str, detail: impl Into<String>) -> Error {
        Error { rc, code: code.to_string(), detail: detail.into(), retry_after_ms: 0, provider_code: String::new() }
    }
    pub fn invalid_argument(detail: impl Into<String>) -> Error {
        Error::new(CCP_RC_INVALID_ARGUMENT, "invalid_argument", detail)
    }
    pub fn unavailable(detail: impl Into<String>) -> Error {
        Error::new(CCP_RC_UNAVAILABLE, "unavailable", detail)
    }
    /// A signature that does not verify.
    pub fn signature_invalid(detail: impl Into<String>) -> Error {
        Error::new(CCP_RC_UNAUTHENTICATED, "signature_invalid", detail)
    }
    /// The provider answered something that the contract does not allow.
    pub fn provider(detail: impl Into<String>) -> Error {
        Error::new(CCP_RC_UNAVAILABLE, "provider_error", detail)
    }
    pub fn unimplemented() -> Error {
        Error::new(CCP_RC_UNIMPLEMENTED, "unimplemented", "this plugin does not provide the operation")
    }
    fn internal(detail: impl Into<String>) -> Error {
        Error::new(CCP_RC_INTERNAL, "internal", detail)
    }
}

/// The bytes behind a borrowed text of the host.
unsafe fn bytes<'a>(text: ccp_str) -> &'a [u8] {
    if text.len == 0 || text.ptr.is_null() {
        &[]
    } else {
        std::slice::from_raw_parts(text.ptr as *const u8, text.len)
    }
}
fn borrow(bytes: &[u8]) -> ccp_str {
    ccp_str { ptr: bytes.as_ptr() as *const c_char, len: bytes.len() }
}

/// A field of a table that may be shorter than ours: None when `size` does not cover it or it is NULL.
/// What CCP_HAS is in C.
macro_rules! slot {
    ($table:expr, $kind:ty, $field:ident) => {{
        let space = MaybeUninit::<$kind>::uninit();
        let base = space.as_ptr();
        let field = std::ptr::addr_of!((*base).$field);
        $crate::read_slot($table as *const u8, field as usize - base as usize, field)
    }};
}
unsafe fn read_slot<F: Copy>(table: *const u8, at: usize, _kind: *const Option<F>) -> Option<F> {
    if table.is_null() || at + size_of::<Option<F>>() > *(table as *const u32) as usize {
        return None;
    }
    *(table.add(at) as *const Option<F>)
}

/// A sink over memory of ours.
struct Collect {
    sink: ccp_sink,
    bytes: Vec<u8>,
}
impl Collect {
    fn new() -> Box<Collect> {
        let mut made = Box::new(Collect {
            sink: ccp_sink { size: size_of::<ccp_sink>() as u32, reserved: 0, ctx: std::ptr::null_mut(), write: Some(Collect::write) },
            bytes: Vec::new(),
        });
        made.sink.ctx = &mut *made as *mut Collect as *mut c_void;
        made
    }
    unsafe extern "C" fn write(this: *const ccp_sink, data: *const c_void, len: usize) -> ccp_rc {
        const MAX: usize = 64 << 20;
        let bytes = &mut (*((*this).ctx as *mut Collect)).bytes;
        if len > MAX - bytes.len() || bytes.try_reserve(len).is_err() {
            return CCP_RC_RESOURCE_EXHAUSTED;
        }
        if len != 0 {
            bytes.extend_from_slice(std::slice::from_raw_parts(data as *const u8, len));
        }
        CCP_RC_OK
    }
}

/// The host of one instance; valid as long as the instance is.
#[derive(Clone, Copy)]
pub struct Host {
    raw: *const ccp_host,
}
// The host's tables are thread-safe (ccp/abi/plugin.h).
unsafe impl Send for Host {}
unsafe impl Sync for Host {}

impl Host {
    fn service(&self, id: &str) -> *const c_void {
        let name = format!("{}\0", id);
        unsafe { slot!(self.raw, ccp_host, service).map_or(std::ptr::null(), |f| f(self.raw, name.as_ptr() as *const c_char)) }
    }
    pub fn has(&self, id: &str) -> bool {
        !self.service(id).is_null()
    }
    /// One log line; `level` is CCP_LOG_INFO and so on. Does nothing without ccp.log/1.
    pub fn log(&self, level: i32, event: &str, fields: &Json) {
        let text = fields.to_string();
        unsafe {
            let table = self.service(CCP_LOG_ID) as *const ccp_log_v1;
            if let Some(write) = slot!(table, ccp_log_v1, write) {
                write(table, level, borrow(event.as_bytes()), borrow(text.as_bytes()));
            }
        }
    }
    /// Microseconds since the epoch, from ccp.clock/1.
    pub fn now_us(&self) -> Result<i64, Error> {
        unsafe {
            let table = self.service(CCP_CLOCK_ID) as *const ccp_clock_v1;
            slot!(table, ccp_clock_v1, wall_us).map(|f| f(table)).ok_or_else(|| missing(CCP_CLOCK_ID))
        }
    }
}

fn missing(id: &str) -> Error {
    Error::internal(format!("the host provides no {} that is new enough; list it under `requires`", id))
}

/// What a service said, as our error.
fn failed(rc: ccp_rc, what: &str, problem: &[u8]) -> Error {
    let said = std::str::from_utf8(problem).ok().and_then(|text| Json::parse(text).ok()).unwrap_or(Json::Null);
    let mut error = Error::new(rc, said.str("code").unwrap_or("host"), format!("{}: {}", what, said.str("detail").unwrap_or("the host refused it")));
    error.retry_after_ms = said.int("retry_after_ms").unwrap_or(0);
    error
}

/// An outgoing request, as ccp/abi/host_http.h describes it; the host attaches credentials by secret id.
pub struct HttpRequest {
    head: Json,
    headers: Vec<Json>,
    body: Vec<u8>,
}
impl HttpRequest {
    pub fn new(method: &str, url: &str) -> HttpRequest {
        HttpRequest { head: Json::object([("method", method.into()), ("url", url.into())]), headers: Vec::new(), body: Vec::new() }
    }
    pub fn header(mut self, name: &str, value: &str) -> HttpRequest {
        self.headers.push(Json::List(vec![name.into(), value.into()]));
        self
    }
    pub fn bearer(mut self, secret_id: &str) -> HttpRequest {
        self.head.set("auth", Json::object([("bearer", secret_id.into())]));
        self
    }
    pub fn timeout_ms(mut self, ms: i64) -> HttpRequest {
        self.head.set("timeout_ms", ms.into());
        self
    }
    pub fn json(mut self, body: &Json) -> HttpRequest {
        self.body = body.to_string().into_bytes();
        self.header("Content-Type", "application/json")
    }
    pub fn body(mut self, body: &[u8]) -> HttpRequest {
        self.body = body.to_vec();
        self
    }
}

pub struct HttpResponse {
    pub status: i64,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}
impl HttpResponse {
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// The body as JSON; an Err that a provider is to blame for.
    pub fn json(&self) -> Result<Json, Error> {
        let text = std::str::from_utf8(&self.body).map_err(|_| Error::provider("the answer is no UTF-8"))?;
        Json::parse(text).map_err(Error::provider)
    }
}

/// One operation: who waits, for whom; and the services that are bound to it.
pub struct Call {
    raw: *const ccp_call,
    host: Host,
}

impl Call {
    pub fn host(&self) -> Host {
        self.host
    }
    fn text(&self, text: ccp_str) -> String {
        String::from_utf8_lossy(unsafe { bytes(text) }).into_owned()
    }
    pub fn request_id(&self) -> String {
        self.text(unsafe { (*self.raw).request_id })
    }
    pub fn tenant(&self) -> String {
        self.text(unsafe { (*self.raw).tenant })
    }
    /// The same across retries; forward it to the provider. May be empty.
    pub fn idempotency_key(&self) -> String {
        self.text(unsafe { (*self.raw).idempotency_key })
    }
    /// Nobody waits any more; ask in loops.
    pub fn cancelled(&self) -> bool {
        unsafe { slot!(self.raw, ccp_call, is_cancelled).map_or(false, |f| f(self.raw) != 0) }
    }

    /// Any HTTP status is Ok.
    pub fn http(&self, request: &HttpRequest) -> Result<HttpResponse, Error> {
        let mut head = request.head.clone();
        head.set("headers", Json::List(request.headers.clone()));
        let head = head.to_string();
        let (head_out, body_out, err) = (Collect::new(), Collect::new(), Collect::new());
        let rc = unsafe {
            let table = self.host.service(CCP_HTTP_ID) as *const ccp_http_v1;
            let send = slot!(table, ccp_http_v1, send).ok_or_else(|| missing(CCP_HTTP_ID))?;
            send(table, self.raw, borrow(head.as_bytes()), borrow(&request.body), &head_out.sink, &body_out.sink, &err.sink)
        };
        if rc != CCP_RC_OK {
            return Err(failed(rc, "http", &err.bytes));
        }
        let said = std::str::from_utf8(&head_out.bytes).ok().and_then(|text| Json::parse(text).ok()).ok_or_else(|| Error::internal("the host's answer is no JSON"))?;
        let pair = |item: &Json| -> Option<(String, String)> { Some((item.as_list()?.first()?.as_str()?.to_string(), item.as_list()?.get(1)?.as_str()?.to_string())) };
        Ok(HttpResponse {
            status: said.int("status").ok_or_else(|| Error::internal("the host's answer has no status"))?,
            headers: said.list("headers").unwrap_or(&[]).iter().filter_map(pair).collect(),
            body: body_out.bytes.clone(),
        })
    }

    /// 32 bytes: HMAC-SHA-256 under a secret that stays in the host. `encoding` is CCP_KEY_RAW and so on.
    pub fn hmac_sha256(&self, secret_id: &str, encoding: i32, key_prefix: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
        let out = Collect::new();
        let rc = unsafe {
            let table = self.host.service(CCP_CRYPTO_ID) as *const ccp_crypto_v1;
            let hmac = slot!(table, ccp_crypto_v1, hmac_sha256).ok_or_else(|| missing(CCP_CRYPTO_ID))?;
            hmac(table, self.raw, borrow(secret_id.as_bytes()), encoding, borrow(key_prefix.as_bytes()), borrow(message), &out.sink)
        };
        taken(rc, "hmac", out)
    }
    pub fn random(&self, len: usize) -> Result<Vec<u8>, Error> {
        let out = Collect::new();
        let rc = unsafe {
            let table = self.host.service(CCP_CRYPTO_ID) as *const ccp_crypto_v1;
            slot!(table, ccp_crypto_v1, random).ok_or_else(|| missing(CCP_CRYPTO_ID))?(table, len, &out.sink)
        };
        taken(rc, "random", out)
    }
    /// The value of a secret; prefer HttpRequest::bearer and hmac_sha256, which never show it.
    pub fn secret(&self, id: &str) -> Result<Vec<u8>, Error> {
        let out = Collect::new();
        let rc = unsafe {
            let table = self.host.service(CCP_SECRETS_ID) as *const ccp_secrets_v1;
            slot!(table, ccp_secrets_v1, get).ok_or_else(|| missing(CCP_SECRETS_ID))?(table, self.raw, borrow(id.as_bytes()), &out.sink)
        };
        taken(rc, "secret", out)
    }
    /// Value and version, or None.
    pub fn kv_get(&self, key: &str) -> Result<Option<(Vec<u8>, i64)>, Error> {
        let out = Collect::new();
        let mut version = 0i64;
        let rc = unsafe {
            let table = self.host.service(CCP_KV_ID) as *const ccp_kv_v1;
            slot!(table, ccp_kv_v1, get).ok_or_else(|| missing(CCP_KV_ID))?(table, self.raw, borrow(key.as_bytes()), &out.sink, &mut version)
        };
        if rc == CCP_RC_NOT_FOUND {
            return Ok(None);
        }
        taken(rc, "kv get", out).map(|value| Some((value, version)))
    }
    /// Stores when `expected` is the stored version (or CCP_KV_ANY_VERSION); the new version.
    pub fn kv_put(&self, key: &str, value: &[u8], expected: i64, ttl_ms: i64) -> Result<i64, Error> {
        let mut version = 0i64;
        let rc = unsafe {
            let table = self.host.service(CCP_KV_ID) as *const ccp_kv_v1;
            slot!(table, ccp_kv_v1, put).ok_or_else(|| missing(CCP_KV_ID))?(table, self.raw, borrow(key.as_bytes()), borrow(value), expected, ttl_ms, &mut version)
        };
        if rc == CCP_RC_OK {
            Ok(version)
        } else {
            Err(failed(rc, "kv put", &[]))
        }
    }
}

fn taken(rc: ccp_rc, what: &str, out: Box<Collect>) -> Result<Vec<u8>, Error> {
    if rc == CCP_RC_OK {
        Ok(out.bytes.clone())
    } else {
        Err(failed(rc, what, &[]))
    }
}

/// What every plugin is. `configure` makes the value that operations use; it has no side effects, so that a
/// configuration can be checked. The host has checked `config` against the manifest's schema.
pub trait Plugin: Sized + Send + Sync + 'static {
    fn configure(host: Host, call: &Call, config: &Json) -> Result<Self, Error>;
    fn start(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }
    /// {"status":"ok"|"degraded"|"failing","detail":…}; cheap and local.
    fn health(&self, _call: &Call) -> Result<Json, Error> {
        Ok(Json::object([("status", "ok".into())]))
    }
    fn drain(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }
    fn stop(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }
}

/// What ccp_instance points to.
struct Instance<P> {
    host: Host,
    plugin: RwLock<Option<Arc<P>>>,
}

unsafe fn write_to(sink: *const ccp_sink, text: &str) -> ccp_rc {
    match slot!(sink, ccp_sink, write) {
        Some(write) => write(sink, text.as_ptr() as *const c_void, text.len()),
        None => CCP_RC_INTERNAL,
    }
}
unsafe fn sinks(call: *const ccp_call) -> (*const ccp_sink, *const ccp_sink) {
    if call.is_null() || ((*call).size as usize) < size_of::<ccp_call>() {
        return (std::ptr::null(), std::ptr::null());
    }
    ((*call).out, (*call).err)
}

/// The one place where panics and errors become result classes; nothing unwinds out of it.
unsafe fn guard(call: *const ccp_call, run: impl FnOnce() -> Result<Json, Error>) -> ccp_rc {
    let (out, err) = sinks(call);
    let attempt = || match run() {
        Ok(value) => write_to(out, &value.to_string()),
        Err(error) => {
            let mut problem = Json::object([("code", error.code.as_str().into()), ("detail", error.detail.chars().take(4096).collect::<String>().into())]);
            if error.retry_after_ms > 0 {
                problem.set("retry_after_ms", error.retry_after_ms.into());
            }
            if !error.provider_code.is_empty() {
                problem.set("provider_code", error.provider_code.chars().take(256).collect::<String>().into());
            }
            write_to(err, &problem.to_string());
            if error.rc > CCP_RC_OK && error.rc <= CCP_RC_DATA_LOSS {
                error.rc
            } else {
                CCP_RC_INTERNAL
            }
        }
    };
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(rc) => rc,
        Err(payload) => {
            std::mem::forget(payload); // its drop could panic again
            write_to(err, r#"{"code":"panic","detail":"the plugin panicked"}"#);
            CCP_RC_INTERNAL
        }
    }
}

unsafe fn input(text: ccp_str) -> Result<Json, Error> {
    let text = std::str::from_utf8(bytes(text)).map_err(|_| Error::invalid_argument("the input is no UTF-8"))?;
    Json::parse(text).map_err(Error::invalid_argument)
}

/// Runs one operation of an instance. For plugin!() and the interfaces below.
#[doc(hidden)]
pub unsafe fn run<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, text: ccp_str, op: fn(&P, &Call, &Json) -> Result<Json, Error>) -> ccp_rc {
    guard(call, || {
        let instance = &*(instance as *const Instance<P>);
        let plugin = instance.plugin.read().map_err(|_| Error::internal("a lock is poisoned"))?.clone();
        let plugin = plugin.ok_or_else(|| Error::internal("the instance is not configured"))?;
        op(&plugin, &Call { raw: call, host: instance.host }, &input(text)?)
    })
}

/// A lifecycle step of an instance that may not be configured yet: then there is nothing to do.
unsafe fn step<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, op: fn(&P, &Call) -> Result<Json, Error>) -> ccp_rc {
    guard(call, || {
        let instance = &*(instance as *const Instance<P>);
        let plugin = instance.plugin.read().map_err(|_| Error::internal("a lock is poisoned"))?.clone();
        match plugin {
            Some(plugin) => op(&plugin, &Call { raw: call, host: instance.host }),
            None => Ok(Json::object([("status", "ok".into())])),
        }
    })
}

fn nothing() -> Json {
    Json::Object(Vec::new())
}

/// The functions of ccp_plugin for one type.
mod lifecycle {
    use super::*;
    pub unsafe extern "C" fn create<P: Plugin>(host: *const ccp_host, _name: ccp_str, out: *mut *mut ccp_instance) -> ccp_rc {
        let made = catch_unwind(|| Box::into_raw(Box::new(Instance::<P> { host: Host { raw: host }, plugin: RwLock::new(None) })));
        match made {
            Ok(instance) => {
                *out = instance as *mut ccp_instance;
                CCP_RC_OK
            }
            Err(_) => CCP_RC_RESOURCE_EXHAUSTED,
        }
    }
    pub unsafe extern "C" fn destroy<P: Plugin>(instance: *mut ccp_instance) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(Box::from_raw(instance as *mut Instance<P>)))) {
            std::mem::forget(payload);
        }
    }
    pub unsafe extern "C" fn configure<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, text: ccp_str) -> ccp_rc {
        guard(call, || {
            let instance = &*(instance as *const Instance<P>);
            let made = P::configure(instance.host, &Call { raw: call, host: instance.host }, &input(text)?)?;
            *instance.plugin.write().map_err(|_| Error::internal("a lock is poisoned"))? = Some(Arc::new(made));
            Ok(nothing())
        })
    }
    pub unsafe extern "C" fn start<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, _: ccp_str) -> ccp_rc {
        step::<P>(instance, call, |p, c| p.start(c).map(|_| nothing()))
    }
    pub unsafe extern "C" fn health<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, _: ccp_str) -> ccp_rc {
        step::<P>(instance, call, P::health)
    }
    pub unsafe extern "C" fn drain<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, _: ccp_str) -> ccp_rc {
        step::<P>(instance, call, |p, c| p.drain(c).map(|_| nothing()))
    }
    pub unsafe extern "C" fn stop<P: Plugin>(instance: *mut ccp_instance, call: *const ccp_call, _: ccp_str) -> ccp_rc {
        step::<P>(instance, call, |p, c| p.stop(c).map(|_| nothing()))
    }
}

/// The static descriptor that the entry point returns.
#[doc(hidden)]
#[repr(transparent)]
pub struct Descriptor(ccp_plugin);
// Immutable; its pointers go to static text.
unsafe impl Sync for Descriptor {}
impl Descriptor {
    /// `id` and `version` end with NUL.
    pub const fn of<P: Plugin>(id: &'static str, version: &'static str, extension: unsafe extern "C" fn(*const ccp_plugin, *const c_char) -> *const c_void) -> Descriptor {
        Descriptor(ccp_plugin {
            magic: CCP_PLUGIN_MAGIC,
            size: size_of::<ccp_plugin>() as u32,
            abi_major: CCP_ABI_MAJOR,
            abi_minor: CCP_ABI_MINOR,
            reserved: 0,
            id: id.as_ptr() as *const c_char,
            version: version.as_ptr() as *const c_char,
            vendor_abi_note: "ccp Rust SDK 1.0\0".as_ptr() as *const c_char,
            create: Some(lifecycle::create::<P>),
            configure: Some(lifecycle::configure::<P>),
            start: Some(lifecycle::start::<P>),
            health: Some(lifecycle::health::<P>),
            drain: Some(lifecycle::drain::<P>),
            stop: Some(lifecycle::stop::<P>),
            destroy: Some(lifecycle::destroy::<P>),
            extension: Some(extension),
        })
    }
    pub fn get(&'static self) -> *const ccp_plugin {
        &self.0
    }
}

#[doc(hidden)]
pub unsafe fn find(id: *const c_char, tables: &[(&str, fn() -> *const c_void)]) -> *const c_void {
    if id.is_null() {
        return std::ptr::null();
    }
    let id = CStr::from_ptr(id).to_bytes();
    tables.iter().find(|(name, _)| name.as_bytes() == id).map_or(std::ptr::null(), |(_, table)| table())
}

macro_rules! method {
    ($op:ident, required) => {
        fn $op(&self, call: &Call, input: &Json) -> Result<Json, Error>;
    };
    ($op:ident, optional) => {
        fn $op(&self, _call: &Call, _input: &Json) -> Result<Json, Error> {
            Err(Error::unimplemented())
        }
    };
}
// A trait with one method per operation, and a module with the table of a type that implements it.
macro_rules! interface {
    ($doc:literal, $name:ident, $module:ident, $table:ident, $id:ident, { $($op:ident: $need:ident),+ }) => {
        #[doc = $doc]
        pub trait $name: Plugin {
            $(method!($op, $need);)+
        }
        #[doc(hidden)]
        pub mod $module {
            use super::*;
            pub const ID: &str = $id;
            struct Table<P>(std::marker::PhantomData<P>);
            $(unsafe extern "C" fn $op<P: $name>(i: *mut ccp_instance, c: *const ccp_call, s: ccp_str) -> ccp_rc {
                run::<P>(i, c, s, P::$op)
            })+
            impl<P: $name> Table<P> {
                const TABLE: $table = $table { size: size_of::<$table>() as u32, reserved: 0, $($op: Some($op::<P>)),+ };
            }
            pub fn table<P: $name>() -> *const c_void {
                let table: &'static $table = &Table::<P>::TABLE;
                table as *const $table as *const c_void
            }
            /// For tests: an operation by its name.
            pub unsafe fn operation(table: *const c_void, name: &str) -> ccp_op {
                let table = table as *const $table;
                $(if name == stringify!($op) {
                    return slot!(table, $table, $op);
                })+
                None
            }
        }
    };
}

interface!("ccp.billing/1; JSON of the operations: schemas/ccp.billing/.", Billing, billing, ccp_billing_v1, CCP_BILLING_ID, {
    ensure_customer: required, create_checkout: required, get_checkout: required, create_portal_link: optional, get_subscription: required,
    list_subscriptions: required, change_subscription: optional, report_usage: optional, list_prices: optional, fetch_event: optional,
    diagnose: optional, verify_webhook: required, parse_webhook: required,
    list_events: optional
});
interface!("ccp.identity/1; kind device implements begin and poll, kind redirect begin and complete.", Identity, identity, ccp_identity_v1, CCP_IDENTITY_ID, {
    begin: required, poll: optional, complete: optional, refresh: optional, revoke: optional, describe: required
});
interface!("ccp.notifier/1; JSON of the operations: schemas/ccp.notifier/.", Notifier, notifier, ccp_notifier_v1, CCP_NOTIFIER_ID, {
    render: required, send: required, test_connection: optional
});
interface!("ccp.exporter/1; JSON of the operations: schemas/ccp.exporter/.", Exporter, exporter, ccp_exporter_v1, CCP_EXPORTER_ID, {
    open: required, write_batch: required, flush: required, close: required
});
interface!("ccp.inbound/1; JSON of the operations: schemas/ccp.inbound/.", Inbound, inbound, ccp_inbound_v1, CCP_INBOUND_ID, {
    verify: required, parse: required, respond: optional
});

/// Defines the one exported symbol: `ccp_sdk::plugin!(Chat: notifier);`, several interfaces with commas.
#[macro_export]
macro_rules! plugin {
    ($type:ty: $($interface:ident),+) => {
        #[no_mangle]
        pub extern "C" fn ccp_plugin_entry_v1() -> *const $crate::abi::ccp_plugin {
            unsafe extern "C" fn extension(_: *const $crate::abi::ccp_plugin, id: *const ::std::os::raw::c_char) -> *const ::std::os::raw::c_void {
                $crate::find(id, &[$(($crate::$interface::ID, $crate::$interface::table::<$type>)),+])
            }
            static PLUGIN: $crate::Descriptor =
                $crate::Descriptor::of::<$type>(concat!(env!("CCP_PLUGIN_ID"), "\0"), concat!(env!("CCP_PLUGIN_VERSION"), "\0"), extension);
            PLUGIN.get()
        }
    };
}

/// base64url without padding, how bytes travel in JSON.
pub fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    let (mut acc, mut bits, mut out) = (0u32, 0u32, Vec::with_capacity(text.len() * 3 / 4));
    if text.len() % 4 == 1 {
        return None;
    }
    for c in text.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        acc = (acc << 6 | value as u32) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((acc >> bits) as u8);
        }
    }
    if acc & ((1 << bits) - 1) != 0 {
        return None; // two texts for one value
    }
    Some(out)
}
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{:02x}", b)).collect()
}
/// In a time that does not depend on where they differ; for signatures.
pub fn same_secret(a: &[u8], b: &[u8]) -> bool {
    // Volatile, so that the comparison is not made to stop early.
    let read = |bytes: &[u8], i: usize| unsafe { std::ptr::read_volatile(&bytes[i]) };
    a.len() == b.len() && (0..a.len()).fold(0u8, |diff, i| diff | (read(a, i) ^ read(b, i))) == 0
}

// Behind the macros that it uses.
#[path = "ccp_testing.rs"]
pub mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;
    impl Plugin for Plain {
        fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> {
            match config.bool("bad") {
                Some(true) => Err(Error::invalid_argument("bad is set")),
                _ => Ok(Plain),
            }
        }
    }
    impl Notifier for Plain {
        fn render(&self, _: &Call, input: &Json) -> Result<Json, Error> {
            match input.str("how") {
                Some("panic") => panic!("asked to"),
                Some("limit") => Err(Error { retry_after_ms: 250, provider_code: "E42".to_string(), ..Error::new(CCP_RC_RATE_LIMITED, "busy", "later") }),
                Some("class") => Err(Error::new(99, "nonsense", "no such class")),
                _ => Ok(input.clone()),
            }
        }
        fn send(&self, call: &Call, _: &Json) -> Result<Json, Error> {
            let answer = call.http(&HttpRequest::new("POST", "https://example.com").bearer("a/token").header("A", "b").json(&Json::Null))?;
            Ok(Json::object([("status", answer.status.into()), ("cancelled", call.cancelled().into()), ("tenant", call.tenant().into())]))
        }
    }
    unsafe extern "C" fn extension(_: *const ccp_plugin, id: *const c_char) -> *const c_void {
        find(id, &[(notifier::ID, notifier::table::<Plain>)])
    }
    static PLAIN: Descriptor = Descriptor::of::<Plain>("a.plain\0", "1.0.0\0", extension);

    fn how(word: &str) -> Json {
        Json::object([("how", word.into())])
    }

    #[test]
    fn errors_and_panics_become_classes() {
        let host = testing::FakeHost::new();
        let plugin = host.create(PLAIN.get());
        assert_eq!(plugin.call(CCP_NOTIFIER_ID, "render", &how("")).unwrap_err().0, CCP_RC_INTERNAL, "not configured");
        assert_eq!(plugin.configure(&Json::object([("bad", true.into())])).unwrap_err().0, CCP_RC_INVALID_ARGUMENT);
        plugin.configure(&Json::object([])).unwrap();
        assert_eq!(plugin.start().unwrap(), Json::Object(vec![]));
        assert_eq!(plugin.health().unwrap().str("status"), Some("ok"));
        let (rc, problem) = plugin.call(CCP_NOTIFIER_ID, "render", &how("panic")).unwrap_err();
        assert_eq!((rc, problem.str("code")), (CCP_RC_INTERNAL, Some("panic")));
        let (rc, problem) = plugin.call(CCP_NOTIFIER_ID, "render", &how("limit")).unwrap_err();
        assert_eq!((rc, problem.int("retry_after_ms"), problem.str("provider_code")), (CCP_RC_RATE_LIMITED, Some(250), Some("E42")));
        assert_eq!(plugin.call(CCP_NOTIFIER_ID, "render", &how("class")).unwrap_err().0, CCP_RC_INTERNAL);
        assert_eq!(plugin.call(CCP_NOTIFIER_ID, "test_connection", &how("")).unwrap_err().0, CCP_RC_UNIMPLEMENTED);
        assert_eq!(plugin.run(unsafe { (*PLAIN.get()).configure }, "{").unwrap_err().0, CCP_RC_INVALID_ARGUMENT);
    }

    #[test]
    fn services_are_asked_for_and_may_be_missing() {
        let host = testing::FakeHost::new();
        let plugin = host.create(PLAIN.get());
        plugin.configure(&Json::object([])).unwrap();
        assert_eq!(plugin.call(CCP_NOTIFIER_ID, "send", &how("")).unwrap_err().0, CCP_RC_UNAVAILABLE);
        host.with(|h| {
            h.on_http = Box::new(|head, body| {
                assert_eq!((head.str("method"), head.at(&["auth", "bearer"]).and_then(Json::as_str), body), (Some("POST"), Some("a/token"), &b"null"[..]));
                Ok((204, String::new()))
            });
            h.cancelled = true;
        });
        let answer = plugin.call(CCP_NOTIFIER_ID, "send", &how("")).unwrap();
        assert_eq!((answer.int("status"), answer.bool("cancelled"), answer.str("tenant")), (Some(204), Some(true), Some("org_test")));
        host.with(|h| h.missing = vec![CCP_HTTP_ID.to_string()]);
        assert_eq!(plugin.call(CCP_NOTIFIER_ID, "send", &how("")).unwrap_err().0, CCP_RC_INTERNAL);
    }

    #[test]
    fn a_table_is_read_as_far_as_its_size_says() {
        unsafe extern "C" fn wall(_: *const ccp_clock_v1) -> i64 {
            7
        }
        let whole = ccp_clock_v1 { size: size_of::<ccp_clock_v1>() as u32, wall_us: Some(wall), ..unsafe { std::mem::zeroed() } };
        let short = ccp_clock_v1 { size: 16, ..whole };
        unsafe {
            assert!(slot!(&whole as *const ccp_clock_v1, ccp_clock_v1, wall_us).is_some());
            assert!(slot!(&whole as *const ccp_clock_v1, ccp_clock_v1, mono_ns).is_none());
            assert!(slot!(&short as *const ccp_clock_v1, ccp_clock_v1, wall_us).is_none());
            assert!(slot!(std::ptr::null::<ccp_clock_v1>(), ccp_clock_v1, wall_us).is_none());
        }
    }

    #[test]
    fn bytes_become_text_and_back() {
        assert_eq!(base64url_decode("-_-_"), Some(vec![0xFB, 0xFF, 0xBF]));
        assert_eq!(base64url_decode("YQ"), Some(b"a".to_vec()));
        for bad in ["YR", "Y", "YQ==", "Y+Q/"] {
            assert_eq!(base64url_decode(bad), None, "{}", bad);
        }
        assert_eq!(hex(&[0x0f, 0xa0]), "0fa0");
        assert!(same_secret(b"abc", b"abc") && !same_secret(b"abc", b"abd") && !same_secret(b"abc", b"ab"));
    }
}
