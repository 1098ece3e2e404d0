/* Settings of Lua for the sandbox, included before each of its files (cmake/CcpLua.cmake). Lua's own hooks for
   such settings and nothing else: its source stays as it is. */
#pragma once
#include <locale.h>
#include <string.h>

/* Where keys lie in a table depends on the seed, and `#` of a table with holes on where they lie. The usual seed is
   made of addresses and time; answers must be the same everywhere. */
#define luai_makeseed(L) 0x43435021u
/* Order of strings: by bytes, whatever the locale, and with fuel for what is compared (budget.cpp): Lua compares
   from NUL to NUL in one instruction. */
int ccpLuaCompare(const char* a, const char* b);
#define strcoll ccpLuaCompare
#define lua_getlocaledecpoint() '.'
