// Is this a build with sanitizers, and how much slower may it be?
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CCP_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define CCP_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CCP_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__)
#define CCP_THREAD_SANITIZER 1
#endif

namespace ccp::policy {

/// How many times slower than a build for use it may be: for the backstop of wall time alone, fuel means the same
/// in every build.
#if defined(CCP_THREAD_SANITIZER)
inline constexpr int kSlowness = 16;
#elif defined(CCP_ADDRESS_SANITIZER)
inline constexpr int kSlowness = 4;
#else
inline constexpr int kSlowness = 1;
#endif
inline constexpr bool kSlowBuild = kSlowness > 1;

}  // namespace ccp::policy
