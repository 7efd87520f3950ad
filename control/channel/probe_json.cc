#include "control/channel/probe_json.h"

#include "base/time_text.h"

namespace postern::channel {

using nlohmann::ordered_json;

ordered_json to_json(const v1::ProbeReply& reply) {
  ordered_json out{{"address", reply.address()},
                   {"customer", reply.customer()},
                   {"at", utc_time(reply.at_unix_s())},
                   {"relay", nullptr},
                   {"ports", ordered_json::array()}};
  if (reply.has_relay()) {
    ordered_json tries = ordered_json::array();
    for (const auto& made : reply.relay().tries()) {
      tries.push_back({{"name", made.name()},
                       {"from", made.from()},
                       {"to", made.to()},
                       {"state", made.state()},
                       {"code", made.code() == 0 ? ordered_json() : ordered_json(made.code())},
                       {"reply", made.reply()}});
    }
    out["relay"] = {{"state", reply.relay().state()},
                    {"text", reply.relay().text()},
                    {"tries", std::move(tries)}};
  }
  for (const auto& port : reply.ports()) {
    out["ports"].push_back({{"port", port.port()},
                            {"state", port.state()},
                            {"banner", port.banner()},
                            {"keywords", port.keywords()},
                            {"starttls", port.starttls()},
                            {"text", port.text()}});
  }
  return out;
}

}  // namespace postern::channel
