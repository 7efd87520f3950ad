// Message text through a session, in segments of 1,460 octets, and whole conversations.
#include <benchmark/benchmark.h>

#include <string>

#include "dataplane/smtp/session.h"

namespace postern::smtp {
namespace {

class Discard : public SessionHandler {
 public:
  Transaction* take_transaction() override { return &transactions_[used_++]; }
  void give_transaction(Transaction*) override { --used_; }
  bool message_begin(const Session&, Transaction&) override { return true; }
  void message_bytes(Transaction&, std::span<const uint8_t> bytes) override {
    octets += bytes.size();
  }
  bool message_end(Session&, Transaction&) override { return true; }
  void message_abandoned(Session&, Transaction&) override {}
  void transaction_over(Session&, Transaction&) override {}
  uint64_t octets = 0;

 private:
  Transaction transactions_[2];
  size_t used_ = 0;
};

void say(Session& session, std::string_view text) {
  session.client_bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}
void reply(Session& session, std::string text) {
  session.server_bytes({reinterpret_cast<uint8_t*>(text.data()), text.size()});
}

std::string message(size_t octets, size_t line) {
  std::string text;
  while (text.size() < octets) text += std::string(line, 'x') + "\r\n";
  return text;
}

void open(Session& session, Discard& handler, const Limits& limits) {
  session.begin(&handler, &limits);
  reply(session, "220 mx\r\n");
  say(session, "EHLO a\r\n");
  reply(session, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
}

void BM_SessionData(benchmark::State& state) {
  Discard handler;
  const Limits limits;
  Session session;
  open(session, handler, limits);
  say(session, "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n");
  reply(session, "250 a\r\n250 b\r\n354 go\r\n");
  const std::string text = message(1 << 20, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view segment = rest.substr(0, 1460);
      say(session, segment);
      rest.remove_prefix(segment.size());
    }
  }
  benchmark::DoNotOptimize(handler.octets);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  session.close();
}
// Lines as base64 has them, of prose, and without end.
BENCHMARK(BM_SessionData)->Arg(76)->Arg(30)->Arg(100000);

void BM_SessionTransaction(benchmark::State& state) {
  Discard handler;
  const Limits limits;
  Session session;
  open(session, handler, limits);
  const std::string text = message(6000, 76) + ".\r\n";
  for (auto _ : state) {
    say(session,
        "MAIL FROM:<sender@example.com> SIZE=6000\r\nRCPT TO:<recipient@example.org>\r\nDATA\r\n");
    reply(session, "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n");
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view segment = rest.substr(0, 1460);
      say(session, segment);
      rest.remove_prefix(segment.size());
    }
    reply(session, "250 2.0.0 Ok: queued as 4XJ0Qv1Xbz1z\r\n");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
  session.close();
}
BENCHMARK(BM_SessionTransaction);

}  // namespace
}  // namespace postern::smtp
