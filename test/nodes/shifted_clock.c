/* Preloaded into one process: its system clock is shifted by the nanoseconds in the file that SHIFTED_CLOCK names.
 *
 * The file is mapped, so that a test can step the clock while the process runs. Waits until a time of the system
 * clock follow the step too, as they do when the kernel's clock is set; steady clocks do not move.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define SLICE (SECOND / 20)
/* A deadline of a steady clock is far below: the machine has not been up for thirty years. */
#define SYSTEM_CLOCK_FROM 1000000000LL

static const int64_t *shift_ns;

__attribute__((constructor)) static void map_shift(void)
{
  const char *path = getenv("SHIFTED_CLOCK");
  int file = path != NULL ? open(path, O_RDONLY) : -1;
  if (file < 0) {
    return;
  }
  void *mapped = mmap(NULL, sizeof(*shift_ns), PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) {
    shift_ns = mapped;
  }
  close(file);
}

static int64_t shift(void)
{
  return shift_ns != NULL ? __atomic_load_n(shift_ns, __ATOMIC_RELAXED) : 0;
}

static int64_t nanoseconds(const struct timespec *time)
{
  return time->tv_sec * SECOND + time->tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
  struct timespec time = {ns / SECOND, ns % SECOND};
  return time;
}

static int64_t real_ns(void)
{
  struct timespec time;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return nanoseconds(&time);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    *time = timespec_of(nanoseconds(time) + shift());
  }
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
  (void)zone;
  int64_t ns = real_ns() + shift();
  time->tv_sec = ns / SECOND;
  time->tv_usec = ns % SECOND / 1000;
  return 0;
}

time_t time(time_t *result)
{
  time_t now = (real_ns() + shift()) / SECOND;
  if (result != NULL) {
    *result = now;
  }
  return now;
}

typedef int (*timed_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static timed_wait original_wait(void)
{
  /* Without a version the oldest one would be found, which has another layout. */
  static timed_wait found;
  static const char *const versions[] = {"GLIBC_2.3.2", "GLIBC_2.17"};
  for (unsigned i = 0; found == NULL && i < sizeof(versions) / sizeof(*versions); ++i) {
    found = (timed_wait)dlvsym(RTLD_NEXT, "pthread_cond_timedwait", versions[i]);
  }
  return found != NULL ? found : (found = (timed_wait)dlsym(RTLD_NEXT, "pthread_cond_timedwait"));
}

/* Until the deadline by the shifted clock, but no longer than a slice: the clock may be stepped meanwhile. */
static struct timespec next_look(const struct timespec *deadline)
{
  int64_t due_ns = nanoseconds(deadline) - shift();
  int64_t slice_ns = real_ns() + SLICE;
  return timespec_of(due_ns < slice_ns ? due_ns : slice_ns);
}

static int is_over(const struct timespec *deadline)
{
  return real_ns() + shift() >= nanoseconds(deadline);
}

int pthread_cond_timedwait(
  pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline)
{
  if (deadline->tv_sec < SYSTEM_CLOCK_FROM) {
    return original_wait()(condition, mutex, deadline);
  }
  struct timespec until = next_look(deadline);
  int result = original_wait()(condition, mutex, &until);
  /* A wake-up before its time is allowed, and whoever waits looks again. */
  return result == ETIMEDOUT && !is_over(deadline) ? 0 : result;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline)
{
  static int (*original)(sem_t *, const struct timespec *);
  if (original == NULL) {
    original = (int (*)(sem_t *, const struct timespec *))dlsym(RTLD_NEXT, "sem_timedwait");
  }
  int result;
  do {
    struct timespec until = next_look(deadline);
    result = original(semaphore, &until);
  } while (result != 0 && errno == ETIMEDOUT && !is_over(deadline));
  return result;
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline)
{
  static int (*original)(pthread_mutex_t *, const struct timespec *);
  if (original == NULL) {
    original = (int (*)(pthread_mutex_t *, const struct timespec *))dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  }
  int result;
  do {
    struct timespec until = next_look(deadline);
    result = original(mutex, &until);
  } while (result == ETIMEDOUT && !is_over(deadline));
  return result;
}
