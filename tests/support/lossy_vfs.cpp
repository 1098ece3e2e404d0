#include "tests/support/lossy_vfs.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace ccp::test {
namespace {

/// How to take one change back.
struct Undo {
  sqlite3_int64 offset;
  std::string bytes;
  sqlite3_int64 size;  ///< of the file before the change
};

}  // namespace

struct LossyVfs::State {
  std::string name;
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::mutex mutex;
  std::map<std::string, std::vector<Undo>> unsynced;
  std::atomic<bool> off{false};
  std::atomic<int> syncs{0};
  std::atomic<bool> stall{false};
  std::atomic<int> stalled{0};
};

namespace {

struct LossyFile {
  sqlite3_file base;
  LossyVfs::State* state;
  std::string* path;  ///< null for temporary files, which need not survive
  bool database;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
LossyFile& self(sqlite3_file* file) { return *reinterpret_cast<LossyFile*>(file); }
LossyVfs::State& stateOf(sqlite3_vfs* vfs) { return *static_cast<LossyVfs::State*>(vfs->pAppData); }

/// Remembers what a change of [offset, offset + length) is about to replace.
int remember(LossyFile& file, sqlite3_int64 offset, sqlite3_int64 length) {
  if (file.path == nullptr) return SQLITE_OK;
  sqlite3_int64 size = 0;
  const int rc = file.real()->pMethods->xFileSize(file.real(), &size);
  if (rc != SQLITE_OK) return rc;
  Undo undo{offset, {}, size};
  if (offset < size) {
    undo.bytes.resize(static_cast<std::size_t>(std::min(length, size - offset)));
    const int read = file.real()->pMethods->xRead(file.real(), undo.bytes.data(), static_cast<int>(undo.bytes.size()), offset);
    if (read != SQLITE_OK) return read;
  }
  std::lock_guard lock(file.state->mutex);
  file.state->unsynced[*file.path].push_back(std::move(undo));
  return SQLITE_OK;
}

int fileClose(sqlite3_file* f) {
  LossyFile& file = self(f);
  delete file.path;
  return file.real()->pMethods != nullptr ? file.real()->pMethods->xClose(file.real()) : SQLITE_OK;
}
int fileRead(sqlite3_file* f, void* data, int n, sqlite3_int64 at) {
  return self(f).real()->pMethods->xRead(self(f).real(), data, n, at);
}
int fileWrite(sqlite3_file* f, const void* data, int n, sqlite3_int64 at) {
  if (self(f).database) {
    ++self(f).state->stalled;
    self(f).state->stall.wait(true);
    --self(f).state->stalled;
  }
  if (self(f).state->off) return SQLITE_IOERR_WRITE;
  if (const int rc = remember(self(f), at, n); rc != SQLITE_OK) return rc;
  return self(f).real()->pMethods->xWrite(self(f).real(), data, n, at);
}
int fileTruncate(sqlite3_file* f, sqlite3_int64 size) {
  if (self(f).state->off) return SQLITE_IOERR_TRUNCATE;
  if (const int rc = remember(self(f), size, INT64_MAX); rc != SQLITE_OK) return rc;
  return self(f).real()->pMethods->xTruncate(self(f).real(), size);
}
int fileSync(sqlite3_file* f, int flags) {
  LossyFile& file = self(f);
  if (file.state->off) return SQLITE_IOERR_FSYNC;
  if (file.path == nullptr) return file.real()->pMethods->xSync(file.real(), flags);
  // What another connection writes meanwhile is not part of this sync.
  std::vector<Undo> before;
  {
    std::lock_guard lock(file.state->mutex);
    before.swap(file.state->unsynced[*file.path]);
  }
  const int rc = file.real()->pMethods->xSync(file.real(), flags);
  std::lock_guard lock(file.state->mutex);
  if (rc == SQLITE_OK) {
    ++file.state->syncs;
  } else {
    auto& changes = file.state->unsynced[*file.path];
    changes.insert(changes.begin(), std::make_move_iterator(before.begin()),
                   std::make_move_iterator(before.end()));
  }
  return rc;
}
int fileSize(sqlite3_file* f, sqlite3_int64* size) { return self(f).real()->pMethods->xFileSize(self(f).real(), size); }
int fileLock(sqlite3_file* f, int level) { return self(f).real()->pMethods->xLock(self(f).real(), level); }
int fileUnlock(sqlite3_file* f, int level) { return self(f).real()->pMethods->xUnlock(self(f).real(), level); }
int fileReserved(sqlite3_file* f, int* out) { return self(f).real()->pMethods->xCheckReservedLock(self(f).real(), out); }
int fileControl(sqlite3_file* f, int op, void* arg) { return self(f).real()->pMethods->xFileControl(self(f).real(), op, arg); }
int fileSector(sqlite3_file* f) { return self(f).real()->pMethods->xSectorSize(self(f).real()); }
int fileDevice(sqlite3_file* f) { return self(f).real()->pMethods->xDeviceCharacteristics(self(f).real()); }
int fileShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return self(f).real()->pMethods->xShmMap(self(f).real(), page, size, extend, out);
}
int fileShmLock(sqlite3_file* f, int offset, int n, int flags) {
  return self(f).real()->pMethods->xShmLock(self(f).real(), offset, n, flags);
}
void fileShmBarrier(sqlite3_file* f) { self(f).real()->pMethods->xShmBarrier(self(f).real()); }
int fileShmUnmap(sqlite3_file* f, int remove) { return self(f).real()->pMethods->xShmUnmap(self(f).real(), remove); }

// Version 2: with shared memory for WAL, without memory-mapped pages that would bypass xWrite.
const sqlite3_io_methods kMethods = {2,          fileClose,    fileRead,      fileWrite,   fileTruncate, fileSync, fileSize,
                                     fileLock,   fileUnlock,   fileReserved,  fileControl, fileSector,   fileDevice,
                                     fileShmMap, fileShmLock,  fileShmBarrier, fileShmUnmap, nullptr,     nullptr};

int vfsOpen(sqlite3_vfs* vfs, const char* path, sqlite3_file* f, int flags, int* out_flags) {
  auto& state = stateOf(vfs);
  LossyFile& file = self(f);
  file.base.pMethods = nullptr;
  file.state = &state;
  file.path = nullptr;
  file.database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  file.real()->pMethods = nullptr;
  const int rc = state.real->xOpen(state.real, path, file.real(), flags, out_flags);
  if (rc != SQLITE_OK) return rc;
  if (path != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0) {
    file.path = new std::string(path);
  }
  file.base.pMethods = &kMethods;
  return SQLITE_OK;
}
int vfsDelete(sqlite3_vfs* vfs, const char* path, int sync) {
  auto& state = stateOf(vfs);
  if (state.off) return SQLITE_IOERR_DELETE;
  {
    std::lock_guard lock(state.mutex);
    state.unsynced.erase(path);
  }
  return state.real->xDelete(state.real, path, sync);
}

}  // namespace

LossyVfs::LossyVfs(const std::string& name) : state_(std::make_unique<State>()) {
  state_->name = name;
  state_->real = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->real;  // everything but files goes to the default VFS
  state_->vfs.zName = state_->name.c_str();
  state_->vfs.pNext = nullptr;
  state_->vfs.pAppData = state_.get();
  state_->vfs.szOsFile = static_cast<int>(sizeof(LossyFile)) + state_->real->szOsFile;
  state_->vfs.xOpen = vfsOpen;
  state_->vfs.xDelete = vfsDelete;
  state_->vfs.xAccess = [](sqlite3_vfs* vfs, const char* path, int flags, int* out) {
    return stateOf(vfs).real->xAccess(stateOf(vfs).real, path, flags, out);
  };
  state_->vfs.xFullPathname = [](sqlite3_vfs* vfs, const char* path, int n, char* out) {
    return stateOf(vfs).real->xFullPathname(stateOf(vfs).real, path, n, out);
  };
  if (sqlite3_vfs_register(&state_->vfs, 0) != SQLITE_OK) throw std::runtime_error("cannot register the VFS");
}

LossyVfs::~LossyVfs() { sqlite3_vfs_unregister(&state_->vfs); }

void LossyVfs::cutPower() { state_->off = true; }

int LossyVfs::loseUnsynced() {
  int lost = 0;
  std::lock_guard lock(state_->mutex);
  for (auto& [path, changes] : state_->unsynced) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    for (auto undo = changes.rbegin(); undo != changes.rend(); ++undo) {
      if (::ftruncate(fd, undo->size) != 0 ||
          ::pwrite(fd, undo->bytes.data(), undo->bytes.size(), undo->offset) != static_cast<ssize_t>(undo->bytes.size())) {
        ::close(fd);
        throw std::runtime_error("cannot take back a change of " + path);
      }
      ++lost;
    }
    ::close(fd);
  }
  for (const auto& [path, changes] : state_->unsynced) {
    std::string database = path;
    if (database.ends_with("-wal")) database.resize(database.size() - 4);
    ::unlink((database + "-shm").c_str());
  }
  state_->unsynced.clear();
  state_->off = false;
  return lost;
}

void LossyVfs::stallDatabase(bool on) {
  state_->stall = on;
  state_->stall.notify_all();
}

int LossyVfs::stalled() const {
  return state_->stalled;
}

int LossyVfs::syncs() const { return state_->syncs; }

}  // namespace ccp::test
