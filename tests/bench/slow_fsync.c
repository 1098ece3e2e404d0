// A disk whose writes take longer to be safe, for programs that are started with it (LD_PRELOAD):
// fsync and fdatasync sleep CCP_SLOW_FSYNC_US microseconds before they do their work.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_for_the_disk(void) {
  static long us = -1;
  if (us < 0) {
    const char* text = getenv("CCP_SLOW_FSYNC_US");
    us = text ? atol(text) : 0;
  }
  struct timespec left = {us / 1000000, us % 1000000 * 1000};
  while (nanosleep(&left, &left) != 0) {
  }
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_for_the_disk();
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_for_the_disk();
  return real(fd);
}
