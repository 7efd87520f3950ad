#include "control/cli/inspect/event_text.h"

#include <fmt/format.h>

namespace postern::cli {
namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& value) {
  if (value.is_null()) return "-";
  if (!value.is_string()) return value.dump();
  std::string text;
  for (const char c : value.get_ref<const std::string&>()) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < ' ' || octet == 0x7f) {
      text += fmt::format("\\x{:02x}", octet);
    } else {
      text += c;
    }
  }
  return text;
}

std::string joined(const ordered_json& list) {
  std::string text;
  for (const auto& value : list) text += (text.empty() ? "" : ", ") + text_of(value);
  return text;
}

std::string heading(const ordered_json& event) {
  return fmt::format("{}  {} port {} to {} port {}\n", text_of(event["timestamp"]),
                     text_of(event["src_ip"]), text_of(event["src_port"]),
                     text_of(event["dest_ip"]), text_of(event["dest_port"]));
}

std::string message_text(const ordered_json& email) {
  std::string text =
      fmt::format("  message     {} octets{}, sha256 {}\n", text_of(email["size"]),
                  email["complete"] == true ? "" : " (unfinished)", text_of(email["sha256"]));
  for (const char* key : {"from", "to", "subject"}) {
    if (email.contains(key)) text += fmt::format("    {:<9} {}\n", key, text_of(email[key]));
  }
  for (const auto& part : email["parts"]) {
    text += fmt::format("    part      {}, {} octets", text_of(part["content_type"]),
                        text_of(part["decoded_bytes"]));
    if (part.contains("file_name")) text += ", file " + text_of(part["file_name"]);
    if (part.contains("sha256")) text += ", sha256 " + text_of(part["sha256"]);
    text += "\n";
  }
  for (const auto& url : email["urls"]) text += "    url       " + text_of(url) + "\n";
  return text;
}

std::string transaction_text(const ordered_json& event) {
  const ordered_json& smtp = event["smtp"];
  const ordered_json& replies = smtp["replies"];
  std::string text = fmt::format("  helo        {}\n", text_of(smtp["helo"]));
  if (smtp.contains("auth_user"))
    text += fmt::format("  user        {}\n", text_of(smtp["auth_user"]));
  text += fmt::format("  mail from   <{}>  reply {}\n", text_of(smtp["mail_from"]),
                      text_of(replies["mail"]));
  for (size_t i = 0; i < smtp["rcpt_to"].size(); ++i) {
    text += fmt::format("  rcpt to     <{}>  reply {}\n", text_of(smtp["rcpt_to"][i]),
                        text_of(replies["rcpt"][i]));
  }
  if (event.contains("email")) text += message_text(event["email"]);
  text += fmt::format("  answered    {}\n", text_of(replies["message"]));
  if (event.contains("score")) {
    text += fmt::format("  score       {:.3f}\n", event["score"].get<double>());
    for (const auto& rule : event["rules"]) {
      text += fmt::format("    {:>9.3f}  {}\n", rule["score"].get<double>(), text_of(rule["name"]));
    }
  }
  return text;
}

std::string session_text(const ordered_json& event) {
  std::string text =
      fmt::format("  connection  {} messages, helo {}{}{}\n", text_of(event["messages"]),
                  text_of(event["helo"]), event["tls"] == true ? ", went on under TLS" : "",
                  event["gap"] == true ? ", segments are missing" : "");
  for (const auto& [name, count] : event["tcp"].items())
    text += fmt::format("  tcp         {} {}\n", name, text_of(count));
  return text;
}

}  // namespace

std::string event_text(const ordered_json& event) {
  std::string text = heading(event);
  text += event["event_type"] == "session" ? session_text(event) : transaction_text(event);
  if (!event["anomalies"].empty()) text += "  anomalies   " + joined(event["anomalies"]) + "\n";
  return text;
}

}  // namespace postern::cli
