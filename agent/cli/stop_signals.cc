// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_signals.h"

#include <pthread.h>
#include <time.h>

#include <initializer_list>

namespace loopstall::cli {

StopSignals::StopSignals() {
  sigemptyset(&awaited_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&awaited_, signal);
  pthread_sigmask(SIG_BLOCK, &awaited_, &previous_);
}

StopSignals::~StopSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

int StopSignals::wait() {
  int signal = 0;
  sigwait(&awaited_, &signal);
  // Their default action is to end the process.
  pthread_sigmask(SIG_UNBLOCK, &awaited_, nullptr);
  return signal;
}

bool StopSignals::has_arrived() {
  const timespec at_once{};
  return sigtimedwait(&awaited_, nullptr, &at_once) > 0;
}

}  // namespace loopstall::cli
