#include "control/notify/reports.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <vector>

#include "base/ip.h"
#include "base/time_text.h"
#include "base/version.h"
#include "control/notify/mail_text.h"
#include "control/notify/redaction.h"

namespace postern::notify {
namespace {

using channel::v1::Event;
using nlohmann::ordered_json;

std::string sample_of(const Reported& about) {
  if (!about.redact_recipients) return about.event.header_sample();
  const auto& recipients = about.event.recipients();
  return redacted_sample(about.event.header_sample(),
                         std::vector<std::string>(recipients.begin(), recipients.end()));
}

std::string domain_of(std::string_view address) {
  return std::string(address.substr(std::min(address.rfind('@') + 1, address.size())));
}

bool is_domain(std::string_view text) { return is_mail_address(fmt::format("x@{}", text)); }

}  // namespace

std::optional<FeedbackReport> feedback_report(const Reported& about, const Reporter& reporter) {
  const Event& event = about.event;
  if (event.header_sample().empty()) return std::nullopt;
  std::string fields;
  const auto field = [&](std::string_view name, std::string_view value) {
    fields += fmt::format("{}: {}\r\n", name, value);
  };
  field("Feedback-Type", "abuse");
  field("User-Agent", fmt::format("Postern/{}", kVersion));
  field("Version", "1");
  // What is no address as RFC 5321 writes them would say nothing to a reader of such reports.
  if (event.null_sender()) {
    field("Original-Mail-From", "<>");
  } else if (is_mail_address(event.mail_from())) {
    field("Original-Mail-From", fmt::format("<{}>", event.mail_from()));
  }
  for (const std::string& recipient : event.recipients()) {
    if (!about.redact_recipients && is_mail_address(recipient))
      field("Original-Rcpt-To", fmt::format("<{}>", recipient));
  }
  field("Arrival-Date", mail_date(event.wall_us() / 1'000'000));
  if (is_domain(reporter.host)) field("Reporting-MTA", fmt::format("dns; {}", reporter.host));
  if (const auto client = IpAddress::parse(event.client())) {
    field("Source-IP", client->to_string());
    if (event.client_port() != 0 && event.client_port() <= 65535)
      field("Source-Port", fmt::to_string(event.client_port()));  // RFC 6692
  }
  if (about.incidents > 0) field("Incidents", fmt::to_string(about.incidents));
  for (const std::string& domain : event.link_domains()) {
    if (is_domain(domain)) field("Reported-Domain", domain);
  }
  return FeedbackReport{std::move(fields), sample_of(about)};
}

std::optional<ordered_json> xarf(const Reported& about, const Reporter& reporter,
                                 const std::string& report_id, uint64_t now_unix_s) {
  const Event& event = about.event;
  if (event.null_sender() || event.mail_from().empty()) return std::nullopt;
  const ordered_json who{{"org", reporter.organisation},
                         {"contact", reporter.contact},
                         {"domain", domain_of(reporter.contact)}};
  ordered_json out{{"xarf_version", "4.0.0"},
                   {"report_id", report_id},
                   {"timestamp", utc_time(now_unix_s)},
                   {"reporter", who},
                   {"sender", who},
                   {"source_identifier", event.client()},
                   {"category", "messaging"},
                   {"type", "spam"},
                   {"protocol", "smtp"},
                   {"smtp_from", one_line(event.mail_from(), 320)},
                   {"subject", one_line(event.subject(), 1000)},
                   {"evidence_source", "automated_filter"}};
  if (event.client_port() != 0) out["source_port"] = event.client_port();
  if (about.confidence) out["confidence"] = std::clamp(*about.confidence, 0.0, 1.0);
  if (!event.header_sample().empty()) {
    const std::string sample = sample_of(about);
    out["evidence"] = {{{"content_type", "text/rfc822-headers"},
                        {"description", "The beginning of the message's header"},
                        {"payload", base64(sample)},
                        {"hash", "sha256:" + sha256(sample)}}};
  }
  return out;
}

std::string new_uuid() {
  unsigned char octets[16];
  randombytes_buf(octets, sizeof octets);
  octets[6] = static_cast<unsigned char>((octets[6] & 0x0f) | 0x40);
  octets[8] = static_cast<unsigned char>((octets[8] & 0x3f) | 0x80);
  std::string out;
  for (int i = 0; i < 16; ++i)
    out += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", octets[i]);
  return out;
}

}  // namespace postern::notify
