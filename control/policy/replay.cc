#include "control/policy/replay.h"

#include <map>

namespace postern::policy {

std::vector<WouldHave> replay(std::span<const channel::v1::Event> events,
                              const Settings& settings) {
  struct Server {
    ServerWindow window;
    std::vector<SenderPart> blocked;
    std::map<SenderPart, ledger::Step> reached;
  };
  std::map<IpAddress, Server> servers;
  std::vector<WouldHave> out;
  for (const channel::v1::Event& event : events) {
    const auto client = IpAddress::parse(event.client());
    if (!client) continue;
    Server& server = servers[*client];
    const uint64_t at = event.wall_us() / 1'000'000;
    if (server.window.add(event, at) == ServerWindow::News::kNone) continue;
    for (const Finding& finding : judge(server.window, {}, settings, server.blocked, at)) {
      const auto [reached, is_new] = server.reached.emplace(finding.part, finding.step);
      if (!is_new && reached->second >= finding.step) continue;
      reached->second = finding.step;
      if (!finding.part.is_whole() && finding.step >= ledger::Step::kHold)
        server.blocked.push_back(finding.part);
      out.push_back({at, *client, finding});
    }
  }
  return out;
}

}  // namespace postern::policy
