// A host for the unit tests of plugins in Rust: clock, HTTP, MACs and kv of the test's own, the real C ABI in
// between.
//
//   let host = FakeHost::new();
//   host.with(|h| h.on_http = Box::new(|_, _| Ok((200, "ok".to_string()))));
//   let plugin = host.create(ccp_plugin_entry_v1());
//   plugin.configure(&Json::parse("{…}").unwrap()).unwrap();
//   let answer = plugin.call("ccp.notifier/1", "send", &input)?;   // Err((class, problem JSON))
use super::abi::*;
use super::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// Answers a request: its head (JSON) and body to a status and a body, or to a failure class.
pub type OnHttp = Box<dyn Fn(&Json, &[u8]) -> Result<(i64, String), ccp_rc> + Send>;

/// What the test decides, and what the plugin did.
pub struct State {
    pub now_us: i64,
    pub on_http: OnHttp,
    /// The MAC that every hmac_sha256 answers.
    pub mac: [u8; 32],
    pub cancelled: bool,
    /// Ids of services that are not there.
    pub missing: Vec<String>,
    pub kv: HashMap<String, (Vec<u8>, i64)>,
    pub requests: Vec<(Json, Vec<u8>)>,
    /// Messages that MACs were asked for.
    pub macced: Vec<Vec<u8>>,
    pub log: Vec<(i32, String)>,
    draws: u8,
}

struct Tables {
    state: Mutex<State>,
    host: ccp_host,
    log: ccp_log_v1,
    clock: ccp_clock_v1,
    http: ccp_http_v1,
    crypto: ccp_crypto_v1,
    kv: ccp_kv_v1,
}

pub struct FakeHost {
    tables: *mut Tables,
}
impl Drop for FakeHost {
    fn drop(&mut self) {
        unsafe { drop(Box::from_raw(self.tables)) }
    }
}

unsafe fn of<'a>(ctx: *mut c_void) -> &'a Tables {
    &*(ctx as *const Tables)
}
unsafe fn write(sink: *const ccp_sink, bytes: &[u8]) -> ccp_rc {
    slot!(sink, ccp_sink, write).map_or(CCP_RC_INTERNAL, |f| f(sink, bytes.as_ptr() as *const c_void, bytes.len()))
}
unsafe fn owned(text: ccp_str) -> String {
    String::from_utf8_lossy(bytes(text)).into_owned()
}
unsafe extern "C" fn log_write(t: *const ccp_log_v1, level: i32, event: ccp_str, _fields: ccp_str) {
    of((*t).ctx).state.lock().unwrap().log.push((level, owned(event)));
}
unsafe extern "C" fn wall(t: *const ccp_clock_v1) -> i64 {
    of((*t).ctx).state.lock().unwrap().now_us
}
unsafe extern "C" fn mono(t: *const ccp_clock_v1) -> u64 {
    wall(t) as u64 * 1000
}
unsafe extern "C" fn send(t: *const ccp_http_v1, _: *const ccp_call, head: ccp_str, body: ccp_str, head_out: *const ccp_sink, body_out: *const ccp_sink, _: *const ccp_sink) -> ccp_rc {
    let mut state = of((*t).ctx).state.lock().unwrap();
    let head = match Json::parse(&owned(head)) {
        Ok(head) => head,
        Err(_) => return CCP_RC_INVALID_ARGUMENT,
    };
    let body = bytes(body).to_vec();
    let answer = (state.on_http)(&head, &body);
    state.requests.push((head, body));
    match answer {
        Ok((status, text)) => {
            let rc = write(head_out, format!("{{\"status\":{},\"headers\":[]}}", status).as_bytes());
            if rc != CCP_RC_OK {
                return rc;
            }
            write(body_out, text.as_bytes())
        }
        Err(rc) => rc,
    }
}
unsafe extern "C" fn hmac(t: *const ccp_crypto_v1, _: *const ccp_call, _: ccp_str, _: i32, _: ccp_str, message: ccp_str, out: *const ccp_sink) -> ccp_rc {
    let mut state = of((*t).ctx).state.lock().unwrap();
    state.macced.push(bytes(message).to_vec());
    write(out, &state.mac)
}
unsafe extern "C" fn random(t: *const ccp_crypto_v1, len: usize, out: *const ccp_sink) -> ccp_rc {
    let mut state = of((*t).ctx).state.lock().unwrap();
    let drawn: Vec<u8> = (0..len).map(|i| state.draws.wrapping_add(i as u8)).collect();
    state.draws = state.draws.wrapping_add(len as u8);
    write(out, &drawn)
}
unsafe extern "C" fn kv_get(t: *const ccp_kv_v1, _: *const ccp_call, key: ccp_str, out: *const ccp_sink, version: *mut i64) -> ccp_rc {
    match of((*t).ctx).state.lock().unwrap().kv.get(&owned(key)) {
        Some((value, at)) => {
            if !version.is_null() {
                *version = *at;
            }
            write(out, value)
        }
        None => CCP_RC_NOT_FOUND,
    }
}
unsafe extern "C" fn kv_put(t: *const ccp_kv_v1, _: *const ccp_call, key: ccp_str, value: ccp_str, expected: i64, _: i64, version: *mut i64) -> ccp_rc {
    let mut state = of((*t).ctx).state.lock().unwrap();
    let current = state.kv.get(&owned(key)).map_or(0, |(_, at)| *at);
    if expected != CCP_KV_ANY_VERSION && expected != current {
        return CCP_RC_CONFLICT;
    }
    state.kv.insert(owned(key), (bytes(value).to_vec(), current + 1));
    if !version.is_null() {
        *version = current + 1;
    }
    CCP_RC_OK
}
unsafe extern "C" fn service(host: *const ccp_host, id: *const c_char) -> *const c_void {
    let tables = of((*host).ctx);
    let id = CStr::from_ptr(id).to_str().unwrap_or("");
    if tables.state.lock().unwrap().missing.iter().any(|gone| gone == id) {
        return std::ptr::null();
    }
    match id {
        CCP_LOG_ID => &tables.log as *const _ as *const c_void,
        CCP_CLOCK_ID => &tables.clock as *const _ as *const c_void,
        CCP_HTTP_ID => &tables.http as *const _ as *const c_void,
        CCP_CRYPTO_ID => &tables.crypto as *const _ as *const c_void,
        CCP_KV_ID => &tables.kv as *const _ as *const c_void,
        _ => std::ptr::null(),
    }
}
unsafe extern "C" fn cancelled(call: *const ccp_call) -> i32 {
    let fake = call as *const FakeCall;
    of((*fake).tables as *mut c_void).state.lock().unwrap().cancelled as i32
}
#[repr(C)]
struct FakeCall {
    raw: ccp_call,
    tables: *mut Tables,
}

impl FakeHost {
    #[allow(clippy::new_without_default)]
    pub fn new() -> FakeHost {
        let none = std::ptr::null_mut();
        let state = State {
            now_us: 1_800_000_000_000_000,
            on_http: Box::new(|_, _| Err(CCP_RC_UNAVAILABLE)),
            mac: [0; 32],
            cancelled: false,
            missing: Vec::new(),
            kv: HashMap::new(),
            requests: Vec::new(),
            macced: Vec::new(),
            log: Vec::new(),
            draws: 0,
        };
        // Services that the fake does not offer are NULL slots, as on a host without them.
        let tables = unsafe {
            Box::into_raw(Box::new(Tables {
                state: Mutex::new(state),
                host: ccp_host {
                    size: size_of::<ccp_host>() as u32,
                    abi_major: CCP_ABI_MAJOR,
                    abi_minor: CCP_ABI_MINOR,
                    ctx: none,
                    name: "fake\0".as_ptr() as *const c_char,
                    version: "0\0".as_ptr() as *const c_char,
                    service: Some(service),
                    mode: "dev\0".as_ptr() as *const c_char,
                },
                log: ccp_log_v1 { size: size_of::<ccp_log_v1>() as u32, write: Some(log_write), ..std::mem::zeroed() },
                clock: ccp_clock_v1 { size: size_of::<ccp_clock_v1>() as u32, wall_us: Some(wall), mono_ns: Some(mono), ..std::mem::zeroed() },
                http: ccp_http_v1 { size: size_of::<ccp_http_v1>() as u32, send: Some(send), ..std::mem::zeroed() },
                crypto: ccp_crypto_v1 { size: size_of::<ccp_crypto_v1>() as u32, hmac_sha256: Some(hmac), random: Some(random), ..std::mem::zeroed() },
                kv: ccp_kv_v1 { size: size_of::<ccp_kv_v1>() as u32, get: Some(kv_get), put: Some(kv_put), ..std::mem::zeroed() },
            }))
        };
        let ctx = tables as *mut c_void;
        unsafe {
            (*tables).host.ctx = ctx;
            (*tables).log.ctx = ctx;
            (*tables).clock.ctx = ctx;
            (*tables).http.ctx = ctx;
            (*tables).crypto.ctx = ctx;
            (*tables).kv.ctx = ctx;
        }
        FakeHost { tables }
    }

    /// Reads or changes what the test decides.
    pub fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut unsafe { &*self.tables }.state.lock().unwrap())
    }

    pub fn create(&self, plugin: *const ccp_plugin) -> FakeInstance<'_> {
        let mut instance = std::ptr::null_mut();
        let rc = unsafe { ((*plugin).create.unwrap())(&(*self.tables).host, borrow(b"test"), &mut instance) };
        assert_eq!(rc, CCP_RC_OK, "create");
        FakeInstance { host: self, plugin, instance }
    }
}

/// One instance of a plugin, driven through its C table; destroyed with this value.
pub struct FakeInstance<'a> {
    host: &'a FakeHost,
    plugin: *const ccp_plugin,
    instance: *mut ccp_instance,
}
impl Drop for FakeInstance<'_> {
    fn drop(&mut self) {
        unsafe { ((*self.plugin).destroy.unwrap())(self.instance) }
    }
}

/// The result, or class and problem JSON.
pub type Outcome = Result<Json, (ccp_rc, Json)>;

impl FakeInstance<'_> {
    pub fn configure(&self, config: &Json) -> Outcome {
        self.run(unsafe { (*self.plugin).configure }, &config.to_string())
    }
    pub fn start(&self) -> Outcome {
        self.run(unsafe { (*self.plugin).start }, "{}")
    }
    pub fn health(&self) -> Outcome {
        self.run(unsafe { (*self.plugin).health }, "{}")
    }
    /// `call("ccp.notifier/1", "send", &input)`
    pub fn call(&self, interface: &str, operation: &str, input: &Json) -> Outcome {
        let id = format!("{}\0", interface);
        let op = unsafe {
            let table = ((*self.plugin).extension.unwrap())(self.plugin, id.as_ptr() as *const c_char);
            match interface {
                CCP_BILLING_ID => billing::operation(table, operation),
                CCP_IDENTITY_ID => identity::operation(table, operation),
                CCP_NOTIFIER_ID => notifier::operation(table, operation),
                CCP_EXPORTER_ID => exporter::operation(table, operation),
                CCP_INBOUND_ID => inbound::operation(table, operation),
                _ => None,
            }
        };
        assert!(op.is_some(), "{} has no {}", interface, operation);
        self.run(op, &input.to_string())
    }
    /// One operation with any text as input.
    pub fn run(&self, op: ccp_op, text: &str) -> Outcome {
        let (out, err) = (Collect::new(), Collect::new());
        let call = FakeCall {
            raw: ccp_call {
                size: size_of::<ccp_call>() as u32,
                flags: 0,
                deadline_mono_ns: 0,
                request_id: borrow(b"req_test"),
                tenant: borrow(b"org_test"),
                idempotency_key: borrow(b"idem_test"),
                out: &out.sink,
                err: &err.sink,
                is_cancelled: Some(cancelled),
            },
            tables: self.host.tables,
        };
        let rc = unsafe { op.expect("the plugin has no such operation")(self.instance, &call.raw, borrow(text.as_bytes())) };
        let parsed = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| Json::parse(text).ok()).unwrap_or(Json::Null);
        if rc == CCP_RC_OK {
            Ok(parsed(&out.bytes))
        } else {
            Err((rc, parsed(&err.bytes)))
        }
    }
}
