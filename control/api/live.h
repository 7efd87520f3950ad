// What happens, told as it happens: server-sent events for the console.
//
// Theory of operation. While anybody listens, one thread asks the desks once a second for the
// status, the newest events and the cases changed last, and puts what is new into each listener's
// queue as a finished text; the web server's thread of that listener takes it from there. A
// listener that does not keep up is let go: its browser comes back by itself.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "control/api/routes.h"

namespace postern::api {

class Live {
 public:
  class Listener {
   public:
    // Waits for the next piece of the stream, which can be several messages; after `heartbeat`
    // without any, a comment that says nothing. Nothing: the stream ends.
    std::optional<std::string> next(std::chrono::milliseconds heartbeat);

   private:
    friend class Live;
    void put(const std::string& text);
    void end();

    std::mutex lock_;
    std::condition_variable woken_;
    std::deque<std::string> queue_;
    bool ended_ = false;
  };

  // The desks must outlive it.
  Live(Desks& desks, size_t most_listeners);
  ~Live();

  // Any thread. Nothing when there are as many as may be. The stream begins with the status.
  std::shared_ptr<Listener> listen();
  void leave(const std::shared_ptr<Listener>& listener);
  // All streams end, and none begins any more.
  void end();

 private:
  void run();
  std::string look();

  Desks& desks_;
  const size_t most_listeners_;
  std::mutex lock_;
  std::condition_variable woken_;
  std::list<std::shared_ptr<Listener>> listeners_;
  bool asked_ = false;  // somebody new waits for the status
  bool ended_ = false;

  // Of run() alone.
  std::deque<std::string> seen_events_;  // those of the last look
  uint64_t seen_case_change_ = 0;
  bool looked_ = false;
  std::thread thread_;
};

// One message (https://html.spec.whatwg.org/#server-sent-events): `data` has no line ends.
std::string live_message(std::string_view event, std::string_view data);

}  // namespace postern::api
