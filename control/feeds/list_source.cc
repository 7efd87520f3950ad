#include "control/feeds/list_source.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/plain_text.h"
#include "base/version.h"
#include "control/transfer/curl_call.h"
#include "control/transfer/url.h"

namespace postern::feeds {
namespace {

using Contents = std::expected<std::string, std::string>;

Contents read_file(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return std::unexpected(fmt::format("cannot read {}: {}", path, error.message()));
  if (size > kMostListOctets)
    return std::unexpected(fmt::format("{} is no list: {} octets", path, size));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return std::unexpected(fmt::format("cannot read {}", path));
  return text;
}

Contents download(const std::string& source, const std::atomic<bool>& stop) {
  constexpr long kSeconds = 120;
  if (std::string objection = objection_to_download(source); !objection.empty())
    return std::unexpected(std::move(objection));
  const std::string where = transfer::read_url(source)->without_secrets;
  transfer::CurlCall call(source, "http,https", kSeconds, {}, stop);
  call.append(fmt::format("User-Agent: Postern/{}", kVersion));
  call.set(CURLOPT_HTTPHEADER, call.list());
  call.keep(kMostListOctets);
  const CURLcode code = call.perform();
  if (call.cut())
    return std::unexpected(fmt::format("{} is no list: over {} octets", where, kMostListOctets));
  if (code != CURLE_OK)
    return std::unexpected(fmt::format("{}: {}", where, plain_text(call.why(code), 300)));
  const long reply = call.reply();
  if (reply >= 300 && reply < 400)
    return std::unexpected(fmt::format(
        "{} answers {}: redirects are not followed, give the final address", where, reply));
  if (reply != 200) return std::unexpected(fmt::format("{} answers {}", where, reply));
  return std::move(call.body());
}

}  // namespace

bool is_download(std::string_view source) {
  return source.starts_with("https://") || source.starts_with("http://");
}

std::string objection_to_download(std::string_view source) {
  const auto url = transfer::read_url(source);
  if (!url) return fmt::format("'{}' is no URL", plain_text(source, 300));
  if (url->scheme == "http" && !url->is_loopback)
    return fmt::format(
        "{} is without TLS: anybody on the way could exclude anybody; give its https:// address",
        url->without_secrets);
  return {};
}

Contents read_list(const std::string& source, const std::atomic<bool>& stop) {
  return is_download(source) ? download(source, stop) : read_file(source);
}

}  // namespace postern::feeds
