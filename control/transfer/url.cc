#include "control/transfer/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/ip.h"

namespace postern::transfer {
namespace {

struct Cleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

}  // namespace

std::optional<Url> read_url(std::string_view text) {
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_plain || text.size() > 2000 || !text.contains("://")) return std::nullopt;
  const std::unique_ptr<CURLU, Cleanup> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_NON_SUPPORT_SCHEME) !=
      CURLUE_OK) {
    return std::nullopt;
  }
  Url out{.scheme = part(url.get(), CURLUPART_SCHEME),
          .host = part(url.get(), CURLUPART_HOST),
          .user_info = part(url.get(), CURLUPART_USER) + part(url.get(), CURLUPART_PASSWORD)};
  if (out.host.empty()) return std::nullopt;
  std::ranges::transform(out.host, out.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  std::string_view bare = out.host;
  if (bare.starts_with('[') && bare.ends_with(']')) bare = bare.substr(1, bare.size() - 2);
  const auto address = IpAddress::parse(bare);
  const auto v4 = IpPrefix::parse("127.0.0.0/8"), v6 = IpPrefix::parse("::1");
  out.is_loopback =
      address ? v4->contains(*address) || v6->contains(*address) : out.host == "localhost";
  const std::string port = part(url.get(), CURLUPART_PORT);
  out.without_secrets = fmt::format("{}://{}{}{}{}", out.scheme, out.host, port.empty() ? "" : ":",
                                    port, part(url.get(), CURLUPART_PATH));
  return out;
}

}  // namespace postern::transfer
