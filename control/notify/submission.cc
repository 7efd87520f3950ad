#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "control/notify/delivery.h"
#include "control/notify/mail_text.h"
#include "control/transfer/curl_call.h"

namespace postern::notify {
namespace {

struct Source {
  std::string_view rest;
};

size_t read_some(char* room, size_t size, size_t count, void* source) {
  std::string_view& rest = static_cast<Source*>(source)->rest;
  const size_t taken = std::min(rest.size(), size * count);
  std::memcpy(room, rest.data(), taken);
  rest.remove_prefix(taken);
  return taken;
}

// The server wants no such letter, whoever asks and however often. Replies about logging in and
// about TLS (530 to 538) are about us.
bool is_final(long reply) { return reply >= 550 && reply <= 556; }

}  // namespace

Delivery submit(const ledger::OutboxMessage& message, const Settings& settings,
                const std::atomic<bool>& stop) {
  constexpr long kSeconds = 60;
  const Submission& server = settings.submission;
  // What stands behind the host is the name in EHLO.
  transfer::CurlCall call(fmt::format("{}/{}", server.url, settings.host), "smtp,smtps", kSeconds,
                          settings.ca_file, stop);
  call.set(CURLOPT_USE_SSL, server.tls ? CURLUSESSL_ALL : CURLUSESSL_NONE);
  if (!server.user.empty()) {
    call.set(CURLOPT_USERNAME, server.user.c_str());
    call.set(CURLOPT_PASSWORD, server.password.c_str());
  }
  // Without one it is MAIL FROM:<>.
  if (!settings.envelope_sender.empty())
    call.set(CURLOPT_MAIL_FROM, settings.envelope_sender.c_str());
  call.append(message.to);
  call.set(CURLOPT_MAIL_RCPT, call.list());
  Source source{message.message};
  call.set(CURLOPT_UPLOAD, 1L);
  call.set(CURLOPT_READFUNCTION, &read_some);
  call.set(CURLOPT_READDATA, &source);
  const CURLcode code = call.perform();
  if (code == CURLE_OK) return {.done = true};
  const bool hopeless = code != CURLE_LOGIN_DENIED && is_final(call.reply());
  return {
      .hopeless = hopeless,
      .way_is_down =
          call.reply() == 0 || code == CURLE_LOGIN_DENIED || code == CURLE_USE_SSL_FAILED,
      .text = fmt::format("{} does not take it: {}", server.url, one_line(call.why(code), 300))};
}

}  // namespace postern::notify
