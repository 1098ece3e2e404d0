/* ccp/c/json.h - JSON for plugins in C: look-ups in a text, and a writer into a sink. C11, header-only, no
 * allocation, no recursion, at most 64 levels deep. Also valid C++.
 *
 * Check a text once with ccp_json_valid(); look-ups then stop at what they find. On a text that was not
 * checked they are safe, but may find something in front of a mistake.
 *
 * `where` names a value: "name" is a member of the outermost object, "/a/0/b" a JSON pointer (RFC 6901), ""
 * the whole text. Results are CCP_JSON_FOUND, CCP_JSON_ABSENT (not there, or null) or CCP_JSON_BAD (not JSON,
 * another type, does not fit). Of two members with one name the first is found; the host sends no such text.
 */
#ifndef CCP_C_JSON_H
#define CCP_C_JSON_H

#include <stdint.h>
#include <string.h>

#include "../abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_JSON_FOUND 1
#define CCP_JSON_ABSENT 0
#define CCP_JSON_BAD (-1)
#define CCP_JSON_MAX_DEPTH 64

/* --- scanning: positions in a text; 0 as an end means "not JSON" ------------------------------------- */

/* Bytes of the UTF-8 character at `p`, 0 when it is none: no overlong forms, no surrogates. */
static inline size_t ccp_utf8_length(const char *p, size_t left) {
  const unsigned char *u = (const unsigned char *)p;
  if (left == 0) return 0;
  if (u[0] < 0x80) return 1;
  if (u[0] < 0xC2 || u[0] > 0xF4) return 0;
  if (left < 2 || (u[1] & 0xC0) != 0x80) return 0;
  if (u[0] < 0xE0) return 2;
  if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F)) return 0;
  if (left < 3 || (u[2] & 0xC0) != 0x80) return 0;
  if (u[0] < 0xF0) return 3;
  if ((u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F)) return 0;
  return left >= 4 && (u[3] & 0xC0) == 0x80 ? 4 : 0;
}

static inline size_t ccp_json_space(ccp_str t, size_t at) {
  while (at < t.len && (t.ptr[at] == ' ' || t.ptr[at] == '\n' || t.ptr[at] == '\r' || t.ptr[at] == '\t')) ++at;
  return at;
}

static inline int ccp_json_hex4(ccp_str t, size_t at, uint32_t *out) {
  uint32_t value = 0;
  size_t i;
  if (at > t.len || t.len - at < 4) return 0;
  for (i = at; i < at + 4; ++i) {
    const char c = t.ptr[i];
    uint32_t digit;
    if (c >= '0' && c <= '9') digit = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f') digit = (uint32_t)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F') digit = (uint32_t)(c - 'A') + 10;
    else return 0;
    value = value * 16 + digit;
  }
  *out = value;
  return 1;
}

/* The next character inside of a string, unescaped, as UTF-8: its length, 0 at the closing quote, -1 for a
 * mistake. `*at` moves behind it. The one place that knows what a string may hold. */
static inline int ccp_json_character(ccp_str t, size_t *at, char out[4]) {
  uint32_t code = 0, low = 0;
  char c;
  if (*at >= t.len) return -1;
  c = t.ptr[*at];
  if (c == '"') {
    ++*at;
    return 0;
  }
  if ((unsigned char)c < 0x20) return -1;
  if (c != '\\') {
    const size_t n = ccp_utf8_length(t.ptr + *at, t.len - *at);
    if (n == 0) return -1;
    memcpy(out, t.ptr + *at, n);
    *at += n;
    return (int)n;
  }
  if (t.len - *at < 2) return -1;
  c = t.ptr[*at + 1];
  *at += 2;
  switch (c) {
    case '"': case '\\': case '/': out[0] = c; return 1;
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': break;
    default: return -1;
  }
  if (!ccp_json_hex4(t, *at, &code)) return -1;
  *at += 4;
  if (code >= 0xDC00 && code <= 0xDFFF) return -1;
  if (code >= 0xD800 && code <= 0xDBFF) {
    if (t.len - *at < 2 || t.ptr[*at] != '\\' || t.ptr[*at + 1] != 'u' || !ccp_json_hex4(t, *at + 2, &low) || low < 0xDC00 || low > 0xDFFF) return -1;
    *at += 6;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | (code >> 6));
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | (code >> 12));
    out[1] = (char)(0x80 | ((code >> 6) & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | (code >> 18));
  out[1] = (char)(0x80 | ((code >> 12) & 0x3F));
  out[2] = (char)(0x80 | ((code >> 6) & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}

/* End of the string that opens at `at`. */
static inline size_t ccp_json_string_end(ccp_str t, size_t at) {
  char bytes[4];
  int n;
  if (at >= t.len || t.ptr[at] != '"') return 0;
  ++at;
  do n = ccp_json_character(t, &at, bytes);
  while (n > 0);
  return n == 0 ? at : 0;
}

static inline size_t ccp_json_digits(ccp_str t, size_t at) {
  const size_t first = at;
  while (at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9') ++at;
  return at == first ? 0 : at;
}

static inline size_t ccp_json_number_end(ccp_str t, size_t at) {
  if (at < t.len && t.ptr[at] == '-') ++at;
  if (at < t.len && t.ptr[at] == '0') ++at;
  else if ((at = ccp_json_digits(t, at)) == 0) return 0;
  if (at < t.len && t.ptr[at] == '.' && (at = ccp_json_digits(t, at + 1)) == 0) return 0;
  if (at < t.len && (t.ptr[at] == 'e' || t.ptr[at] == 'E')) {
    ++at;
    if (at < t.len && (t.ptr[at] == '+' || t.ptr[at] == '-')) ++at;
    at = ccp_json_digits(t, at);
  }
  return at;
}

static inline size_t ccp_json_scalar_end(ccp_str t, size_t at) {
  static const char *const kWords[] = {"true", "false", "null"};
  size_t i;
  if (at >= t.len) return 0;
  if (t.ptr[at] == '"') return ccp_json_string_end(t, at);
  if (t.ptr[at] == '-' || (t.ptr[at] >= '0' && t.ptr[at] <= '9')) return ccp_json_number_end(t, at);
  for (i = 0; i < 3; ++i) {
    const size_t n = strlen(kWords[i]);
    if (t.len - at >= n && memcmp(t.ptr + at, kWords[i], n) == 0) return at + n;
  }
  return 0;
}

/* Behind the name and the colon of the member at `at`. */
static inline size_t ccp_json_name_end(ccp_str t, size_t at) {
  at = ccp_json_string_end(t, ccp_json_space(t, at));
  if (at == 0) return 0;
  at = ccp_json_space(t, at);
  return at < t.len && t.ptr[at] == ':' ? at + 1 : 0;
}

/* End of the value that begins at `at`, behind spaces. One bit per open level says whether it is an object. */
static inline size_t ccp_json_value_end(ccp_str t, size_t at) {
  uint64_t objects = 0;
  unsigned depth = 0;
  for (;;) {
    at = ccp_json_space(t, at);
    if (at >= t.len) return 0;
    if (t.ptr[at] == '{' || t.ptr[at] == '[') {
      const int object = t.ptr[at] == '{';
      if (depth == CCP_JSON_MAX_DEPTH) return 0;
      objects = object ? objects | (UINT64_C(1) << depth) : objects & ~(UINT64_C(1) << depth);
      ++depth;
      at = ccp_json_space(t, at + 1);
      if (at >= t.len) return 0;
      if (t.ptr[at] != (object ? '}' : ']')) {
        if (object && (at = ccp_json_name_end(t, at)) == 0) return 0;
        continue;
      }
      ++at;
      --depth;
    } else if ((at = ccp_json_scalar_end(t, at)) == 0) {
      return 0;
    }
    for (;;) {
      int object;
      if (depth == 0) return at;
      object = (int)((objects >> (depth - 1)) & 1);
      at = ccp_json_space(t, at);
      if (at >= t.len) return 0;
      if (t.ptr[at] == ',') {
        ++at;
        if (object && (at = ccp_json_name_end(t, at)) == 0) return 0;
        break;
      }
      if (t.ptr[at] != (object ? '}' : ']')) return 0;
      ++at;
      --depth;
    }
  }
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* 1 when the text is exactly one JSON value (RFC 8259), at most 64 levels deep. Names that stand twice are
 * not noticed. */
static inline int ccp_json_valid(ccp_str text) {
  const size_t end = ccp_json_value_end(text, 0);
  return end != 0 && ccp_json_space(text, end) == text.len;
}

/* '{', '[', '"', '0' (number), 't', 'f', 'n', or 0 for an empty text. */
static inline char ccp_json_kind(ccp_str value) {
  const size_t at = ccp_json_space(value, 0);
  if (at >= value.len) return 0;
  return value.ptr[at] == '-' || (value.ptr[at] >= '0' && value.ptr[at] <= '9') ? '0' : value.ptr[at];
}

/* Whether the string at `at` is the token; in tokens of a pointer ~0 stands for ~ and ~1 for /. */
static inline int ccp_json_is_name(ccp_str t, size_t at, ccp_str token, int pointer) {
  size_t i = 0;
  char bytes[4];
  ++at;
  for (;;) {
    const int n = ccp_json_character(t, &at, bytes);
    int k;
    if (n <= 0) return n == 0 && i == token.len;
    for (k = 0; k < n; ++k) {
      char c;
      if (i >= token.len) return 0;
      c = token.ptr[i++];
      if (pointer && c == '~') {
        if (i >= token.len || (token.ptr[i] != '0' && token.ptr[i] != '1')) return 0;
        c = token.ptr[i++] == '0' ? '~' : '/';
      }
      if (c != bytes[k]) return 0;
    }
  }
}

/* Walks the items of an array: `*cursor` is 0 at first; ABSENT at the end. */
static inline int ccp_json_next(ccp_str array, size_t *cursor, ccp_str *item) {
  size_t at = ccp_json_space(array, *cursor), end;
  if (at >= array.len) return CCP_JSON_BAD;
  if (*cursor == 0) {
    if (array.ptr[at] != '[') return CCP_JSON_BAD;
    at = ccp_json_space(array, at + 1);
    if (at < array.len && array.ptr[at] == ']') return CCP_JSON_ABSENT;
  } else if (array.ptr[at] == ']') {
    return CCP_JSON_ABSENT;
  } else if (array.ptr[at] == ',') {
    at = ccp_json_space(array, at + 1);
  } else {
    return CCP_JSON_BAD;
  }
  end = ccp_json_value_end(array, at);
  if (end == 0) return CCP_JSON_BAD;
  item->ptr = array.ptr + at;
  item->len = end - at;
  *cursor = end;
  return CCP_JSON_FOUND;
}

static inline int ccp_json_step(ccp_str from, ccp_str token, int pointer, ccp_str *value) {
  size_t at = ccp_json_space(from, 0), name, end;
  if (at >= from.len) return CCP_JSON_BAD;
  if (pointer && from.ptr[at] == '[') {
    size_t cursor = 0, index = 0, i;
    int found;
    if (token.len == 0 || token.len > 9 || (token.len > 1 && token.ptr[0] == '0')) return CCP_JSON_ABSENT;
    for (i = 0; i < token.len; ++i) {
      if (token.ptr[i] < '0' || token.ptr[i] > '9') return CCP_JSON_ABSENT;
      index = index * 10 + (size_t)(token.ptr[i] - '0');
    }
    do found = ccp_json_next(from, &cursor, value);
    while (found == CCP_JSON_FOUND && index-- > 0);
    return found;
  }
  if (from.ptr[at] != '{') return ccp_json_scalar_end(from, at) != 0 ? CCP_JSON_ABSENT : CCP_JSON_BAD;
  at = ccp_json_space(from, at + 1);
  if (at < from.len && from.ptr[at] == '}') return CCP_JSON_ABSENT;
  for (;;) {
    name = ccp_json_space(from, at);
    at = ccp_json_name_end(from, name);
    if (at == 0) return CCP_JSON_BAD;
    at = ccp_json_space(from, at);
    end = ccp_json_value_end(from, at);
    if (end == 0) return CCP_JSON_BAD;
    if (ccp_json_is_name(from, name, token, pointer)) {
      value->ptr = from.ptr + at;
      value->len = end - at;
      return CCP_JSON_FOUND;
    }
    at = ccp_json_space(from, end);
    if (at >= from.len) return CCP_JSON_BAD;
    if (from.ptr[at] == '}') return CCP_JSON_ABSENT;
    if (from.ptr[at] != ',') return CCP_JSON_BAD;
    ++at;
  }
}

/* The value that `where` names, as it stands in the text; points into `json`. A null is FOUND here. */
static inline int ccp_json_find(ccp_str json, const char *where, ccp_str *value) {
  ccp_str token;
  int found;
  if (where[0] != '\0' && where[0] != '/') {
    token.ptr = where;
    token.len = strlen(where);
    return ccp_json_step(json, token, 0, value);
  }
  *value = json;
  while (*where == '/') {
    token.ptr = ++where;
    while (*where != '\0' && *where != '/') ++where;
    token.len = (size_t)(where - token.ptr);
    found = ccp_json_step(*value, token, 1, value);
    if (found != CCP_JSON_FOUND) return found;
  }
  return ccp_json_valid(*value) ? CCP_JSON_FOUND : CCP_JSON_BAD;
}

/* A string, unescaped into `buffer` and ended by NUL; `*out` says how long it is. BAD when it does not fit. */
static inline int ccp_json_string(ccp_str json, const char *where, char *buffer, size_t capacity, ccp_str *out) {
  ccp_str value;
  size_t at, used = 0;
  char bytes[4];
  int n;
  const int found = ccp_json_find(json, where, &value);
  if (found != CCP_JSON_FOUND) return found;
  if (ccp_json_kind(value) == 'n') return CCP_JSON_ABSENT;
  if (ccp_json_kind(value) != '"' || capacity == 0) return CCP_JSON_BAD;
  at = ccp_json_space(value, 0) + 1;
  while ((n = ccp_json_character(value, &at, bytes)) > 0) {
    if ((size_t)n > capacity - 1 - used) return CCP_JSON_BAD;
    memcpy(buffer + used, bytes, (size_t)n);
    used += (size_t)n;
  }
  if (n < 0) return CCP_JSON_BAD;
  buffer[used] = '\0';
  out->ptr = buffer;
  out->len = used;
  return CCP_JSON_FOUND;
}

/* An integer that fits; 1.0 and 1e3 are none. */
static inline int ccp_json_int(ccp_str json, const char *where, int64_t *out) {
  ccp_str value;
  uint64_t number = 0, limit = (uint64_t)INT64_MAX;
  size_t i, end;
  int negative;
  const int found = ccp_json_find(json, where, &value);
  if (found != CCP_JSON_FOUND) return found;
  if (ccp_json_kind(value) == 'n') return CCP_JSON_ABSENT;
  if (ccp_json_kind(value) != '0') return CCP_JSON_BAD;
  i = ccp_json_space(value, 0);
  end = ccp_json_number_end(value, i);
  negative = value.ptr[i] == '-';
  if (negative) {
    ++i;
    ++limit;
  }
  for (; i < end; ++i) {
    const uint64_t digit = (uint64_t)(value.ptr[i] - '0');
    if (value.ptr[i] < '0' || value.ptr[i] > '9') return CCP_JSON_BAD;
    if (number > (limit - digit) / 10) return CCP_JSON_BAD;
    number = number * 10 + digit;
  }
  *out = !negative ? (int64_t)number : number == limit ? INT64_MIN : -(int64_t)number;
  return CCP_JSON_FOUND;
}

static inline int ccp_json_bool(ccp_str json, const char *where, int *out) {
  ccp_str value;
  const int found = ccp_json_find(json, where, &value);
  if (found != CCP_JSON_FOUND) return found;
  switch (ccp_json_kind(value)) {
    case 't': *out = 1; return CCP_JSON_FOUND;
    case 'f': *out = 0; return CCP_JSON_FOUND;
    case 'n': return CCP_JSON_ABSENT;
    default: return CCP_JSON_BAD;
  }
}

/* --- writing ------------------------------------------------------------------------------------------ */

/* Writes into a sink and remembers the first failure: check `rc` once, at the end. */
typedef struct ccp_json_writer {
  const ccp_sink *sink;
  ccp_rc rc;
} ccp_json_writer;

static inline ccp_json_writer ccp_json_to(const ccp_sink *sink) {
  ccp_json_writer w;
  w.sink = sink;
  w.rc = sink != NULL && CCP_HAS(sink, write) ? CCP_RC_OK : CCP_RC_INTERNAL;
  return w;
}
/* Bytes as they are: the caller's brackets, names and commas, or a value that a look-up found. */
static inline void ccp_json_put_raw(ccp_json_writer *w, const char *bytes, size_t len) {
  if (w->rc == CCP_RC_OK && len != 0) w->rc = w->sink->write(w->sink, bytes, len);
}
static inline void ccp_json_put_str(ccp_json_writer *w, ccp_str text) { ccp_json_put_raw(w, text.ptr, text.len); }
static inline void ccp_json_put(ccp_json_writer *w, const char *text) { ccp_json_put_raw(w, text, strlen(text)); }

/* A JSON string with its quotes; what is no UTF-8 becomes U+FFFD. */
static inline void ccp_json_put_string(ccp_json_writer *w, ccp_str text) {
  static const char kHex[] = "0123456789abcdef";
  size_t at = 0, begin = 0;
  ccp_json_put_raw(w, "\"", 1);
  while (at < text.len) {
    const unsigned char c = (unsigned char)text.ptr[at];
    const size_t n = ccp_utf8_length(text.ptr + at, text.len - at);
    if (n != 0 && c >= 0x20 && c != '"' && c != '\\') {
      at += n;
      continue;
    }
    ccp_json_put_raw(w, text.ptr + begin, at - begin);
    if (n == 0) {
      ccp_json_put_raw(w, "\xEF\xBF\xBD", 3);
    } else if (c >= 0x20) {
      char escaped[2];
      escaped[0] = '\\';
      escaped[1] = (char)c;
      ccp_json_put_raw(w, escaped, 2);
    } else {
      char escaped[6] = {'\\', 'u', '0', '0', '0', '0'};
      escaped[4] = kHex[c >> 4];
      escaped[5] = kHex[c & 15];
      ccp_json_put_raw(w, escaped, 6);
    }
    begin = ++at;
  }
  if (at != begin) ccp_json_put_raw(w, text.ptr + begin, at - begin);
  ccp_json_put_raw(w, "\"", 1);
}
static inline void ccp_json_put_int(ccp_json_writer *w, int64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t rest = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[--at] = (char)('0' + (char)(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (value < 0) digits[--at] = '-';
  ccp_json_put_raw(w, digits + at, sizeof digits - at);
}

#ifdef __cplusplus
}
#endif
#endif
