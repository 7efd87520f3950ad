#include "control/server/probe_desk.h"

#include <fmt/format.h>

#include "control/server/answers.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {

using channel::v1::ProbeReply;
using grpc::StatusCode;
using probe::RelayState;

constexpr uint64_t kHour_s = 3600;
constexpr uint32_t kRowsRead = 5000;
constexpr const char* kAction = "probe";

void write(const probe::Port& port, channel::v1::ProbedPort* out) {
  out->set_port(port.number);
  out->set_state(std::string(probe::kPortStateNames[static_cast<size_t>(port.state)]));
  out->set_banner(port.banner);
  for (const std::string& keyword : port.keywords) out->add_keywords(keyword);
  out->set_starttls(port.starttls);
  out->set_text(port.text);
}

void write(const probe::Relay& relay, channel::v1::ProbedRelay* out) {
  out->set_state(std::string(diagnosis::kRelayStateNames[static_cast<size_t>(relay.state)]));
  out->set_text(relay.text);
  for (const probe::Try& made : relay.tries) {
    auto* row = out->add_tries();
    row->set_name(made.name);
    row->set_from(made.from);
    row->set_to(made.to);
    row->set_state(made.state == RelayState::kOpen     ? "taken"
                   : made.state == RelayState::kClosed ? "refused"
                                                       : "undecided");
    row->set_code(static_cast<uint32_t>(made.code));
    row->set_reply(made.reply);
  }
}

// For people: "25 accepts with STARTTLS, 465 refuses, 587 no answer".
std::string ports_text(const ProbeReply& reply) {
  std::string out;
  for (const auto& port : reply.ports()) {
    out += fmt::format("{}{} {}{}", out.empty() ? "ports: " : ", ", port.port(), port.state(),
                       port.starttls() ? " with STARTTLS" : "");
  }
  return out;
}

std::string summary(const ProbeReply& reply) {
  const std::string ports = ports_text(reply);
  if (!reply.has_relay()) return ports;
  return fmt::format("{}{}{}", reply.relay().text(), ports.empty() ? "" : " ", ports);
}

}  // namespace

ProbeDesk::ProbeDesk(ledger::Ledger& ledger, probe::Settings settings, Note note, UnixTime now,
                     std::vector<uint16_t> ports)
    : ledger_(ledger),
      settings_(std::move(settings)),
      note_(std::move(note)),
      now_(now ? std::move(now) : [] { return unix_s(); }),
      ports_(std::move(ports)) {}

grpc::Status ProbeDesk::write_down(const Order& order, const std::string& action,
                                   const std::string& detail) {
  const auto done =
      ledger_.audit().record({now_(), order.author, action, order.address.to_string(), detail});
  return done ? grpc::Status::OK : broken(done.error());
}

grpc::Status ProbeDesk::admit(const Order& order, std::string* customer) {
  const auto owner = ledger_.customers().owner_of(order.address);
  if (!owner) return broken(owner.error());
  const std::string address = order.address.to_string();
  if (!*owner) {
    return {StatusCode::FAILED_PRECONDITION,
            fmt::format("{} is no customer's address: only those are probed (postern customer)",
                        address)};
  }
  *customer = (*owner)->name;
  if (order.reference) {
    const auto about = ledger_.cases().find(order.reference);
    if (!about) return broken(about.error());
    if (!*about) {
      return {StatusCode::NOT_FOUND,
              fmt::format("there is no case {}", order.reference.to_string())};
    }
    if (!(*about)->subject.server.contains(order.address)) {
      return {StatusCode::FAILED_PRECONDITION,
              fmt::format("case {} is about {}, not {}", order.reference.to_string(),
                          (*about)->subject.server.to_string(), address)};
    }
  }

  const std::lock_guard guard(mutex_);
  const uint64_t now = now_();
  const auto between = static_cast<uint64_t>(settings_.between.count());
  const auto rows = ledger_.audit().entries("", "", kRowsRead);
  if (!rows) return broken(rows.error());
  uint32_t in_the_hour = 0;
  for (const ledger::AuditEntry& row : *rows) {
    if (row.action != kAction || row.at_unix_s > now) continue;
    if (row.at_unix_s + kHour_s > now) ++in_the_hour;
  }
  // By address, however much else was written since.
  const auto of_address = ledger_.audit().entries("", address, kRowsRead);
  if (!of_address) return broken(of_address.error());
  for (const ledger::AuditEntry& row : *of_address) {
    if (row.action != kAction || row.at_unix_s > now || row.at_unix_s + between <= now) continue;
    return {StatusCode::FAILED_PRECONDITION,
            fmt::format("{} was probed {} s ago: again in {} s (probe.between)", address,
                        now - row.at_unix_s, row.at_unix_s + between - now)};
  }
  if (in_the_hour >= settings_.per_hour) {
    return {StatusCode::FAILED_PRECONDITION,
            fmt::format("there were {} probes within the hour: try later (probe.per_hour)",
                        in_the_hour)};
  }
  std::string what = order.relay ? "relay" : "";
  if (order.exposure) what += what.empty() ? "exposure" : ", exposure";
  if (order.reference) what += fmt::format(", case {}", order.reference.to_string());
  return write_down(order, kAction, what);
}

grpc::Status ProbeDesk::note(const Order& order, const ProbeReply& reply) {
  if (!order.reference) return grpc::Status::OK;
  const std::string text = summary(reply);
  const bool decided = reply.has_relay() && reply.relay().state() != "undecided";
  // What decides nothing turns no mark: it is an entry only.
  const auto done =
      decided ? note_(order.reference, reply.relay().state() == "open", text, now_())
              : ledger_.cases().add_entry(order.reference, {now_(), order.author, "probed", text});
  return done ? grpc::Status::OK : broken(done.error());
}

grpc::Status ProbeDesk::Probe(grpc::ServerContext*, const channel::v1::ProbeRequest* request,
                              ProbeReply* reply) {
  const auto address = IpAddress::parse(request->address());
  if (!address) return invalid(address.error());
  if (auto objection = objection_to("author", request->author()); !objection.empty())
    return invalid(std::move(objection));
  const bool both = !request->relay() && !request->exposure();
  const Order order{.address = *address,
                    .relay = request->relay() || (both && !settings_.domain.empty()),
                    .exposure = request->exposure() || both,
                    .reference = {request->case_reference()},
                    .author = request->author()};
  if (order.relay && settings_.domain.empty()) {
    return {StatusCode::FAILED_PRECONDITION,
            "a probe for an open relay needs a domain of yours that is no customer's: set "
            "probe.domain"};
  }
  std::string customer;
  if (auto admitted = admit(order, &customer); !admitted.ok()) return admitted;

  reply->set_address(address->to_string());
  reply->set_customer(customer);
  reply->set_at_unix_s(now_());
  const auto peer = [&](uint16_t port) {
    return probe::Peer{.address = *address, .port = port, .source = settings_.source};
  };
  if (order.relay) {
    write(
        probe::try_relaying(
            peer(ports_.front()),
            {.domain = settings_.domain, .recipient = settings_.recipient, .helo = settings_.helo},
            probe::Clock::now() + settings_.relay_timeout),
        reply->mutable_relay());
  }
  if (order.exposure) {
    for (const uint16_t port : ports_) {
      write(probe::look_at(peer(port), settings_.helo, probe::Clock::now() + settings_.timeout),
            reply->add_ports());
    }
  }
  if (auto written = write_down(order, "probed", summary(*reply)); !written.ok()) return written;
  return note(order, *reply);
}

}  // namespace postern::server
