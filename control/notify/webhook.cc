#include <fmt/format.h>
#include <sodium.h>

#include "base/version.h"
#include "control/notify/delivery.h"
#include "control/notify/mail_text.h"
#include "control/transfer/curl_call.h"
#include "control/transfer/url.h"

namespace postern::notify {

std::string webhook_signature(const std::string& secret, const std::string& identity,
                              uint64_t timestamp_unix_s, const std::string& body) {
  constexpr std::string_view kEncoded = "whsec_";
  std::string key = secret;
  if (secret.starts_with(kEncoded)) {
    const auto decoded = from_base64(std::string_view(secret).substr(kEncoded.size()));
    if (!decoded) return {};
    key = *decoded;
  }
  const std::string text = fmt::format("{}.{}.{}", identity, timestamp_unix_s, body);
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()),
                              key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(text.data()),
                                text.size());
  std::string digest(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(digest.data()));
  return "v1," + base64(digest);
}

Delivery post(const ledger::OutboxMessage& message, const std::string& secret,
              const Settings& settings, uint64_t now_unix_s, const std::atomic<bool>& stop) {
  constexpr long kSeconds = 15;
  const auto url = transfer::read_url(message.to);
  const auto hopeless = [](std::string text) {
    return Delivery{.hopeless = true, .text = std::move(text)};
  };
  if (!url || (url->scheme != "https" && url->scheme != "http"))
    return hopeless(
        "the webhook's address is no https:// URL: correct it in the customer's record");
  if (url->scheme == "http" && !url->is_loopback && !settings.allow_plain_http) {
    return hopeless(
        fmt::format("{} is without TLS: give an https:// address, or set notify.allow_plain_http",
                    url->without_secrets));
  }
  transfer::CurlCall call(message.to, "http,https", kSeconds, settings.ca_file, stop);
  call.append("Content-Type: application/json");
  call.append("Expect:");  // no 100-continue
  call.append("webhook-id: " + message.identity);
  call.append(fmt::format("webhook-timestamp: {}", now_unix_s));
  if (!secret.empty()) {
    const std::string signature =
        webhook_signature(secret, message.identity, now_unix_s, message.message);
    if (signature.empty())
      return hopeless("the webhook's secret begins with whsec_ and is no base64: set another");
    call.append("webhook-signature: " + signature);
  }
  call.set(CURLOPT_HTTPHEADER, call.list());
  call.append(fmt::format("User-Agent: Postern/{}", kVersion));
  call.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.message.size()));
  call.set(CURLOPT_POSTFIELDS, message.message.data());
  const CURLcode code = call.perform();
  const long reply = call.reply();
  const auto failed = [&](std::string_view why) {
    return Delivery{.way_is_down = true, .text = fmt::format("{}: {}", url->without_secrets, why)};
  };
  // Who answers 2xx has taken it, however much he goes on to say.
  if (code != CURLE_OK && !(call.cut() && reply != 0)) return failed(one_line(call.why(code), 300));
  if (reply >= 200 && reply < 300) return {.done = true};
  if (reply >= 300 && reply < 400)
    return failed(
        fmt::format("answers {}: redirects are not followed, give the final address", reply));
  return failed(fmt::format("answers {}", reply));
}

}  // namespace postern::notify
