// guard(): the one place where exceptions of a plugin become result classes and problem JSON. Every
// function that the host can call runs inside of it, so none can be forgotten.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "ccp/abi/plugin.h"
#include "ccp/error.hpp"
#include "ccp/host.hpp"
#include "ccp/json.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace detail {

inline ccp_rc writeText(const ccp_sink* sink, std::string_view text) noexcept {
  if (!sink || !CCP_HAS(sink, write)) return CCP_RC_INTERNAL;
  return sink->write(sink, text.data(), text.size());
}

inline ccp_rc writeProblem(const ccp_call* call, const Error& error) noexcept {
  try {
    json problem = {{"code", error.code()}, {"detail", error.detail().substr(0, 4096)}};
    if (error.retryAfterMs() > 0) problem["retry_after_ms"] = error.retryAfterMs();
    if (!error.providerCode().empty()) problem["provider_code"] = error.providerCode().substr(0, 256);
    if (call && CCP_HAS(call, err)) writeText(call->err, dumpJson(problem));
  } catch (...) {
    // Out of memory while reporting: the class alone must do.
  }
  return error.rc() > CCP_RC_OK && error.rc() < CCP_RC_COUNT ? error.rc() : CCP_RC_INTERNAL;
}

/// Runs `fn`, which returns json or void, and writes its result to call->out.
template <class F>
ccp_rc guard(const ccp_call* call, F&& fn) noexcept {
  try {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        fn();
        return call && CCP_HAS(call, out) ? writeText(call->out, "{}") : CCP_RC_OK;
      } else {
        const json result = fn();
        return writeText(call ? call->out : nullptr, dumpJson(result));
      }
    } catch (const Error& e) {
      return writeProblem(call, e);
    } catch (const json::exception& e) {
      return writeProblem(call, Error::internal(std::string("unexpected JSON: ") + e.what()));
    } catch (const std::bad_alloc&) {
      return writeProblem(call, Error(CCP_RC_RESOURCE_EXHAUSTED, "out of memory"));
    } catch (const std::exception& e) {
      return writeProblem(call, Error::internal(e.what()));
    } catch (...) {
      return writeProblem(call, Error::internal("the plugin threw something that is no std::exception"));
    }
  } catch (...) {
    return CCP_RC_INTERNAL;  // building the report itself failed
  }
}

}  // namespace detail
}  // namespace sdk_v1
}  // namespace ccp
