#include "policy/engine/interpreter.hpp"

#include <algorithm>
#include <cctype>
#include <exception>

#include "policy/engine/library.hpp"
#include "policy/engine/result.hpp"

namespace ccp::policy {
namespace {

// The bottom of the stack: what each run starts from.
constexpr int kMaker = 1;        ///< function(_ENV) of the file
constexpr int kGlobalsMeta = 2;  ///< metatable of a run's globals
/// The file becomes a function with its globals as parameter: each run has its own, and nothing of one run
/// hangs on a closure that outlives it. On line 1, so that lines stay those of the file.
constexpr std::string_view kBefore = "return function(_ENV, ...) ";
constexpr std::string_view kAfter = "\nend";
/// The parser sees no hook: the source comes in pieces, and the clock is looked at between them.
constexpr std::size_t kPiece = 64;
constexpr std::size_t kMaxMessage = 512;

/// Compiling takes place once for each program and is bounded by the size of the source; it may take longer.
constexpr Duration kCompileTime = milliseconds(250);

struct Source {
  std::string_view parts[3];
  int at = 0;
};

const char* readPiece(lua_State* L, void* data, std::size_t* size) {
  auto& source = *static_cast<Source*>(data);
  budgetOf(L).pace(L, 200);
  while (source.at < 3 && source.parts[source.at].empty()) ++source.at;
  *size = 0;
  if (source.at == 3) return nullptr;
  std::string_view& part = source.parts[source.at];
  const char* out = part.data();
  *size = std::min(part.size(), kPiece);
  part.remove_prefix(*size);
  return out;
}

void loadText(lua_State* L, const std::string& path, Source source) {
  const std::string name = "@" + path;
  if (lua_load(L, readPiece, &source, name.c_str(), "t") != LUA_OK) lua_error(L);
}

bool hasPosition(std::string_view message) {
  const std::size_t end = message.find(": ");
  if (end == std::string_view::npos) return false;
  std::size_t digits = end;
  while (digits > 0 && std::isdigit(static_cast<unsigned char>(message[digits - 1])) != 0) --digits;
  return digits != end && digits > 1 && message[digits - 1] == ':' && message.substr(0, end).find(' ') == std::string_view::npos;
}

}  // namespace

std::string printable(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7f;
    if (out.size() + (plain ? 1 : 4) > kMaxMessage) break;
    if (plain) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

struct Interpreter::Job {
  std::string_view input;
  Recording recording;
  Outcome* out;
  std::string refused;  ///< what is wrong with the result
};

/// Sees on the way of an error out of the run in which line it was. Nothing here allocates in Lua.
class Interpreter::Witness {
 public:
  Witness(lua_State* L, int& line) : L_(L), line_(line), exceptions_(std::uncaught_exceptions()) {}
  ~Witness() {
    if (std::uncaught_exceptions() == exceptions_) return;
    lua_Debug at;
    for (int level = 0; level < 64 && lua_getstack(L_, level, &at) != 0; ++level) {
      lua_getinfo(L_, "l", &at);
      if (at.currentline > 0) {
        line_ = at.currentline;
        return;
      }
    }
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  lua_State* L_;
  int& line_;
  int exceptions_;
};

void Interpreter::hook(lua_State* L, lua_Debug* event) {
  Interpreter& self = of(L);
  if (event->event == LUA_HOOKCOUNT) return self.budget_.tick(L);
  const auto line = static_cast<std::size_t>(event->currentline);
  if (line < self.lines_.size()) self.lines_[line] = true;
}

void Budget::arm(lua_State* L, bool lines) {
  lua_sethook(L, Interpreter::hook, LUA_MASKCOUNT | (lines ? LUA_MASKLINE : 0), kTick);
}

int Interpreter::prepare(lua_State* L) {
  const auto* text = static_cast<const ProgramText*>(lua_touserdata(L, 1));
  Input::install(L);
  pushGlobalsMeta(L, text->data);
  return 1;
}

int Interpreter::compile(lua_State* L) {
  const auto* text = static_cast<const ProgramText*>(lua_touserdata(L, 1));
  const Witness witness(L, of(L).line_);
  // By itself first, so that nothing in it can close the function around it.
  loadText(L, text->path, {{{}, text->source, {}}});
  lua_pop(L, 1);
  loadText(L, text->path, {{kBefore, text->source, kAfter}});
  lua_call(L, 0, 1);
  return 1;
}

/// Runs the file with new globals. Expects (maker, meta) at 1 and 2; leaves the globals at 3.
void Interpreter::runFile(lua_State* L) {
  lua_createtable(L, 0, 4);
  lua_pushvalue(L, kGlobalsMeta);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, kMaker);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 0);
  lua_pushliteral(L, "decide");
  lua_rawget(L, -2);
  if (lua_type(L, -1) != LUA_TFUNCTION) luaL_error(L, "the file defines no function decide");
}

int Interpreter::rehearse(lua_State* L) {
  const Witness witness(L, of(L).line_);
  lua_settop(L, 2);
  runFile(L);
  return 0;
}

int Interpreter::run(lua_State* L) {
  auto& job = *static_cast<Job*>(lua_touserdata(L, 3));
  Interpreter& self = of(L);
  const Witness witness(L, self.line_);
  lua_settop(L, 2);
  self.budget_.suspend();
  self.input_->push(L, job.recording.fields);
  self.budget_.resume();
  self.budget_.arm(L, job.recording.lines);
  runFile(L);             // meta, input, globals, decide
  lua_pushvalue(L, 3);
  lua_call(L, 1, 1);
  self.budget_.charge(L, 0);
  job.refused = takeResult(L, -1, job.out->result);
  return 0;
}

void Interpreter::explain(int status, Outcome& out) const {
  std::string text = "error without a text";
  if (lua_type(L_, -1) == LUA_TSTRING) {
    std::size_t size = 0;
    const char* data = lua_tolstring(L_, -1, &size);
    text.assign(data, std::min(size, kMaxMessage));
  }
  out.fault = Fault::runtime_error;
  if (budget_.fault() != Fault::none) {
    out.fault = budget_.fault();
    text = budget_.why();
  } else if (status == LUA_ERRMEM || (budget_.refused() && text.find("not enough memory") != std::string::npos)) {
    // Buffers of Lua's library report a refused block as an ordinary error.
    out.fault = Fault::memory;
    text = budget_.refusal();
  }
  const bool of_input = line_ == 0 && text.substr(0, 7) == "input: ";
  if (!of_input && !hasPosition(text)) {
    const std::string line = line_ > 0 ? ":" + std::to_string(line_) : std::string();
    text = text_.path + line + ": " + text;
  }
  out.message = printable(text);
}

std::unique_ptr<Interpreter> Interpreter::build(const ProgramText& text, const Limits& limits, Outcome& out) {
  std::unique_ptr<Interpreter> self(new Interpreter(text));
  lua_State* L = self->L_ = lua_newstate(Budget::allocate, &self->budget_);
  if (L == nullptr) {
    out.fault = Fault::memory;
    out.message = printable(text.path + ": no memory for an interpreter");
    return nullptr;
  }
  *static_cast<Interpreter**>(lua_getextraspace(L)) = self.get();
  lua_gc(L, LUA_GCSTOP);
  // The host's part, without limits.
  const auto step = [&](lua_CFunction function) {
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, const_cast<ProgramText*>(&text));
    return lua_pcall(L, 1, 1, 0);
  };
  int status = step(guarded<prepare>);
  if (status == LUA_OK) {
    lua_gc(L, LUA_GCRESTART);
    self->budget_.rebase();
    Limits compiling = limits;
    compiling.wall = std::max(limits.wall, kCompileTime);
    self->budget_.start(compiling);
    status = step(guarded<compile>);
  }
  if (status == LUA_OK) {
    lua_insert(L, kMaker);
    self->budget_.start(limits);
    self->budget_.arm(L, false);
    lua_pushcfunction(L, guarded<rehearse>);
    lua_pushvalue(L, kMaker);
    lua_pushvalue(L, kGlobalsMeta);
    status = lua_pcall(L, 2, 0, 0);
  }
  if (status != LUA_OK || self->budget_.fault() != Fault::none) {
    self->explain(status, out);
    return nullptr;
  }
  self->budget_.suspend();
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCGEN, 100, 0);
  self->budget_.rebase();
  return self;
}

Interpreter::~Interpreter() {
  budget_.suspend();
  if (L_ != nullptr) lua_close(L_);
}

void Interpreter::decide(std::string_view input_json, const Limits& limits, Recording recording, Outcome& out) {
  ++decisions_;
  line_ = 0;
  budget_.start(limits);
  Input& input = Input::ofThread();
  if (const char* wrong = input.parse(input_json)) {
    out.fault = Fault::runtime_error;
    out.message = wrong;
  } else {
    input_ = &input;
    lua_State* L = L_;
    if (recording.lines) lines_.assign(static_cast<std::size_t>(std::count(text_.source.begin(), text_.source.end(), '\n')) + 2, false);
    Job job{input_json, recording, &out, {}};
    lua_pushcfunction(L, guarded<run>);
    lua_pushvalue(L, kMaker);
    lua_pushvalue(L, kGlobalsMeta);
    lua_pushlightuserdata(L, &job);
    const int status = lua_pcall(L, 3, 0, 0);
    if (status != LUA_OK || budget_.fault() != Fault::none) {
      explain(status, out);
      faulted_ = true;
    } else if (!job.refused.empty()) {
      out.fault = Fault::bad_result;
      out.message = printable(text_.path + ": " + job.refused);
      faulted_ = true;
    }
    if (out.fault != Fault::none) out.result = Json();
    lua_settop(L, kGlobalsMeta);
    input_ = nullptr;
    if (recording.fields) out.fields_read = input.fieldsRead();
    for (std::size_t line = 1; recording.lines && line < lines_.size(); ++line) {
      if (lines_[line]) out.lines.push_back(static_cast<int>(line));
    }
  }
  budget_.suspend();
  input.clear();
  out.fuel = budget_.fuel();
  out.memory_peak = budget_.peak();
  out.elapsed = budget_.elapsed();
  // Between runs nothing of a run is alive: collecting the young is cheap, and its memory serves the next run.
  if (!faulted_ && budget_.used() > budget_.base() + kGarbage) lua_gc(L_, LUA_GCSTEP, 0);
  if (!faulted_ && budget_.used() > budget_.base() + kSlack) lua_gc(L_, LUA_GCCOLLECT);
}

}  // namespace ccp::policy
