#include "dataplane/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "dataplane/smtp/replies.h"

namespace postern {
namespace {

using enum ConfigType;

// A key's name and help are views: these are what the keys of replies look at.
struct ReplyKey {
  std::string name, help;
};
std::vector<ReplyKey> reply_keys() {
  std::vector<ReplyKey> keys;
  for (const smtp::ReplyDescription& reply : smtp::kReplyTable)
    keys.push_back(
        {fmt::format("replies.{}", reply.key),
         fmt::format("Said {}. {{case}}, {{ip}}, {{url}} and {{host}}{} stand for what they "
                     "say; the code must begin with {}.",
                     reply.help, reply.text.contains("{part}") ? ", and {part}," : "",
                     reply.begins)});
  return keys;
}

std::vector<ConfigKey> own_keys() {
  return {
      {.name = "gate.id",
       .default_value = "gate",
       .help = "Name of this gate, by which the control process and events tell gates apart."},

      {.name = "ports.inside",
       .default_value = "0000:03:00.0",
       .help =
           "The port towards the customers, as a DPDK device: a PCI address, or a virtual device "
           "such as \"net_af_packet0,iface=eth1\" or \"net_af_xdp0,iface=eth1\".",
       .required = true},
      {.name = "ports.outside",
       .default_value = "0000:03:00.1",
       .help = "The port towards the Internet.",
       .required = true},
      {.name = "ports.mtu",
       .type = kInteger,
       .default_value = "1500",
       .help = "MTU of both ports. Longer frames cannot cross.",
       .minimum = 1280,
       .maximum = 9600},
      {.name = "ports.descriptors",
       .type = kInteger,
       .default_value = "1024",
       .help = "Descriptors of each queue, as near as the driver goes.",
       .minimum = 64,
       .maximum = 16384},
      {.name = "ports.verify_checksums",
       .type = kBoolean,
       .default_value = "true",
       .help = "Mail frames with a wrong IP or TCP checksum are dropped, as their receiver would. "
               "False "
               "where a virtual interface hands over frames before their checksums are filled in."},

      {.name = "worker.count",
       .type = kInteger,
       .default_value = "1",
       .help = "Workers. With more than one, both directions of a flow meet at one of them: by the "
               "NICs' symmetric RSS, else by a distributor on one more lcore.",
       .minimum = 1,
       .maximum = 64},
      {.name = "worker.cores",
       .type = kIntegerList,
       .default_value = "[]",
       .help =
           "CPU of each worker and last of the distributor. Empty: one after the other from the "
           "second CPU on; the first is the main thread's.",
       .minimum = 0,
       .maximum = 1023},
      {.name = "worker.idle_sleep_us",
       .type = kInteger,
       .default_value = "0",
       .help = "How long a worker without work sleeps between polls, in microseconds. 0: it never "
               "sleeps and takes all of its CPU.",
       .minimum = 0,
       .maximum = 10000},
      {.name = "worker.distribution",
       .type = kChoice,
       .default_value = "auto",
       .help = "How flows come to several workers: auto takes RSS where both ports have it.",
       .choices = {"auto", "software"}},

      {.name = "smtp.mail_ports",
       .type = kIntegerList,
       .default_value = "[25]",
       .help = "TCP destination ports that carry mail. Everything else is forwarded untouched.",
       .minimum = 1,
       .maximum = 65535},
      {.name = "smtp.inspect_inbound",
       .type = kBoolean,
       .default_value = "false",
       .help = "Whether mail that comes in from the outside port is inspected too."},

      {.name = "signatures.set",
       .default_value = "",
       .help = "The signature set: a .psig file that `postern signatures compile` wrote. Empty: "
               "none. SIGHUP makes the data plane read the file again. A set that `postern "
               "signatures load` brought goes before it, also across a restart, until `postern "
               "signatures unload`."},
      {.name = "signatures.trusted_keys",
       .type = kTextList,
       .default_value = "[]",
       .help = "Whose sets may be put in force: public keys as `postern signatures keygen` prints "
               "them, or paths of files with one. Sets of others are refused."},
      {.name = "signatures.allow_unsigned",
       .type = kBoolean,
       .default_value = "false",
       .help = "Whether sets that nobody signed, or somebody else, are put in force too. For "
               "trials."},
      {.name = "signatures.threshold",
       .type = kNumber,
       .default_value = "5.0",
       .help = "Score at which, and over which, a message is refused."},

      {.name = "policy.default",
       .type = kChoice,
       .default_value = "inspect",
       .help = "Treatment of a sender that no verdict covers.",
       .choices = {std::begin(verdict::kTreatmentNames), std::end(verdict::kTreatmentNames)}},
      {.name = "policy.smuggling",
       .type = kChoice,
       .default_value = "refuse",
       .help =
           "A message with line ends by which a server could split it in two (a bare CR or LF in "
           "its text, a dot alone between such) is refused, or only counted. In chunks (BDAT), "
           "which nobody can split, they are always only counted.",
       .choices = {"refuse", "count"}},
      {.name = "policy.starttls",
       .type = kChoice,
       .default_value = "allow",
       .help =
           "What becomes of STARTTLS in the server's reply to EHLO. allow: it passes, and of what "
           "goes on under TLS only sizes and times are known. mask: it is overwritten, so that "
           "mail which would have been encrypted is sent, and read here, in the clear: a "
           "downgrade that senders do not see. Those that insist on TLS (DANE, MTA-STS) will not "
           "send at all. A verdict can say it of one sender.",
       .choices = {"allow", "mask"}},
      {.name = "policy.mid_stream",
       .type = kChoice,
       .default_value = "pass",
       .help = "Mail connections that were open before the data plane started: pass forwards them "
               "untouched, reset keeps back what their client says and resets their server.",
       .choices = {"pass", "reset"}},
      {.name = "policy.observe_only",
       .type = kBoolean,
       .default_value = "false",
       .help = "Decide and report, but forward everything: for a first look at one's traffic."},

      {.name = "fail.no_signature_set",
       .type = kChoice,
       .default_value = "open",
       .help =
           "Messages while no signature set is loaded: open forwards them unscanned, closed defers "
           "them with 451.",
       .choices = {"open", "closed"}},
      {.name = "fail.scan_error",
       .type = kChoice,
       .default_value = "closed",
       .help = "A message whose scan failed: open forwards it, closed defers it with 451.",
       .choices = {"open", "closed"}},

      {.name = "fail.memory",
       .type = kChoice,
       .default_value = "closed",
       .help =
           "A connection that finds a worker's memory used up (flows, held bytes, transactions, "
           "messages): closed lets it wait, open forwards it unread. A host's own share used "
           "up is always waited for.",
       .choices = {"open", "closed"}},
      {.name = "fail.overload",
       .type = kChoice,
       .default_value = "closed",
       .help = "While frames come faster than a worker works them off: closed drops the SYNs of "
               "new mail connections, open forwards new connections unread.",
       .choices = {"open", "closed"}},

      {.name = "limits.flows",
       .type = kInteger,
       .default_value = "65536",
       .help = "Mail connections under inspection at once, for each worker. One host gets at most "
               "half of this, as of transactions, messages, answers and held bytes, and less the "
               "more others there are.",
       .minimum = 16,
       .maximum = 16777216},
      {.name = "limits.handshakes",
       .type = kInteger,
       .default_value = "262144",
       .help = "Mail connections whose client has not answered yet, for each worker, at 24 bytes "
               "each. When there are more, the oldest are forgotten.",
       .minimum = 16,
       .maximum = 16777216},
      {.name = "limits.transactions",
       .type = kInteger,
       .default_value = "16384",
       .help = "Mail transactions under way at once, for each worker.",
       .minimum = 16,
       .maximum = 1048576},
      {.name = "limits.messages_in_flight",
       .type = kInteger,
       .default_value = "1024",
       .help = "Messages being scanned at once, for each worker. Further ones wait.",
       .minimum = 1,
       .maximum = 1048576},
      {.name = "limits.shadow_messages",
       .type = kInteger,
       .default_value = "64",
       .help = "Messages that a shadow set sees at once, for each worker; their memory is set "
               "aside whether there is a shadow set or not, as much for each as for a message "
               "under way. Further ones go without. 0: no shadow sets.",
       .minimum = 0,
       .maximum = 1048576},
      {.name = "limits.answers",
       .type = kInteger,
       .default_value = "4096",
       .help = "Clients that are told of a refused message at once, for each worker.",
       .minimum = 16,
       .maximum = 1048576},
      {.name = "limits.blocked_answers",
       .type = kInteger,
       .default_value = "4096",
       .help = "Blocked senders answered at once, for each worker. Further SYNs are dropped.",
       .minimum = 16,
       .maximum = 1048576},
      {.name = "limits.flow_out_of_order_kib",
       .type = kInteger,
       .default_value = "2048",
       .help = "Bytes of one flow held ahead of a gap, in KiB.",
       .minimum = 2,
       .maximum = 65536},
      {.name = "limits.flow_retained_kib",
       .type = kInteger,
       .default_value = "4096",
       .help = "Bytes of one flow forwarded and not acknowledged yet, in KiB.",
       .minimum = 64,
       .maximum = 65536},
      {.name = "limits.held_mib",
       .type = kInteger,
       .default_value = "128",
       .help =
           "Bytes of all flows held for either reason, in MiB, for each worker. The pool of frames "
           "is sized by it.",
       .minimum = 1,
       .maximum = 65536},
      {.name = "limits.fragments",
       .type = kInteger,
       .default_value = "256",
       .help = "Mail datagrams in IP fragments put together at once, for each worker that polls "
               "ports and "
               "for the distributor; rounded up to a multiple of 16. When that many are under way, "
               "the one that has waited longest is dropped. The pool of frames has 8 for each.",
       .minimum = 16,
       .maximum = 65536},
      {.name = "limits.verdicts",
       .type = kInteger,
       .default_value = "1000000",
       .help = "Verdicts held at once.",
       .minimum = 16,
       .maximum = 16777216},
      {.name = "limits.narrow_blocks",
       .type = kInteger,
       .default_value = "16384",
       .help = "Blocks on parts of senders' mail (AUTH users, injecting addresses) held at once.",
       .minimum = 16,
       .maximum = 262144},
      {.name = "limits.event_queue",
       .type = kInteger,
       .default_value = "4096",
       .help = "Events between one worker and the agent. Events that find it full are lost and "
               "counted.",
       .minimum = 16,
       .maximum = 1048576},

      {.name = "timeouts.idle",
       .type = kDuration,
       .default_value = "10m",
       .help =
           "A connection on which nothing passes is forgotten after this. RFC 5321 lets a client "
           "wait ten minutes.",
       .minimum = 1000},
      {.name = "timeouts.embryonic",
       .type = kDuration,
       .default_value = "75s",
       .help = "How long a server's SYN-ACK is remembered for the client's answer. Servers repeat "
               "it for a minute.",
       .minimum = 1000},
      {.name = "timeouts.closing",
       .type = kDuration,
       .default_value = "10s",
       .help = "The same after a reset, or after both sides have closed.",
       .minimum = 1000},
      {.name = "timeouts.mid_stream",
       .type = kDuration,
       .default_value = "15m",
       .help = "How long after the start a connection not seen before may be one that was open "
               "then. Later none passes for that.",
       .minimum = 0},
      {.name = "timeouts.answer",
       .type = kDuration,
       .default_value = "60s",
       .help = "A client silent that long after a refusal is told 421.",
       .minimum = 1000},
      {.name = "timeouts.fragments",
       .type = kDuration,
       .default_value = "30s",
       .help = "Fragments of a datagram that is not complete after this are dropped. RFC 8200 lets "
               "receivers wait for 60 seconds.",
       .minimum = 1000,
       .maximum = 120000},

      {.name = "replies.host",
       .default_value = "postern",
       .help = "Name by which the gate greets connections that it answers itself."},
      {.name = "replies.url",
       .default_value = "",
       .help = "Page that {url} in replies points to; may hold {case} and {ip}. Empty: none."},
      {.name = "control.socket",
       .default_value = "/run/postern/control.sock",
       .help = "Unix socket of the control process."},
      {.name = "control.address",
       .default_value = "",
       .help = "Where the control process is when it is on another machine: "
               "\"tls://HOST:PORT\", in place of control.socket. Both sides show certificates."},
      {.name = "control.certificate",
       .default_value = "",
       .help = "PEM file with this gate's certificate, which must be for gate.id, and its chain. "
               "deploy/certificates makes it. Renewed files are taken up at the next connection."},
      {.name = "control.key", .default_value = "", .help = "PEM file with the certificate's key."},
      {.name = "control.ca",
       .default_value = "",
       .help = "PEM file with the authorities that vouch for the control process."},
      {.name = "control.server_name",
       .default_value = "",
       .help = "Name for which the control process's certificate must be. Empty: the host of "
               "control.address."},
      {.name = "state.directory",
       .default_value = "/var/lib/postern",
       .help = "Where the verdicts in force are kept, so that they hold across a restart."},
      {.name = "agent.spool_events",
       .type = kInteger,
       .default_value = "65536",
       .help = "Events kept while the control process is away. Older ones are lost and counted.",
       .minimum = 16,
       .maximum = 16777216},
      {.name = "log.level",
       .type = kChoice,
       .default_value = "info",
       .help = "What is logged on standard error. No worker logs anything.",
       .choices = {"debug", "info", "warning", "error"}},

      {.name = "eal.huge_pages",
       .type = kBoolean,
       .default_value = "true",
       .help =
           "Whether frames are kept in huge pages. False is for trials: slower, and only virtual "
           "devices work."},
      {.name = "eal.options",
       .type = kTextList,
       .default_value = "[]",
       .help = "Further options for DPDK's EAL, each an element; those behind \"--\" on the "
               "command line "
               "come after them."},
  };
}

// Our own keys, and among those of [replies] one for each reply that can be reworded.
const std::vector<ConfigKey>& table() {
  static const std::vector<ConfigKey> kTable = [] {
    static const std::vector<ReplyKey> kReplies = reply_keys();
    std::vector<ConfigKey> keys = own_keys();
    auto at = std::ranges::find(keys, "replies.url", &ConfigKey::name) + 1;
    for (size_t i = 0; i < kReplies.size(); ++i, ++at)
      at = keys.insert(at, {.name = kReplies[i].name,
                            .default_value = smtp::kReplyTable[i].text,
                            .help = kReplies[i].help});
    return keys;
  }();
  return kTable;
}

uint32_t integer(const ConfigValues& values, std::string_view key) {
  return static_cast<uint32_t>(values.integer(key));
}

uint32_t seconds(const ConfigValues& values, std::string_view key) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(values.duration(key)).count());
}

worker::FailMode fail_mode(const ConfigValues& values, std::string_view key) {
  return values.text(key) == "open" ? worker::FailMode::kOpen : worker::FailMode::kClosed;
}

verdict::Treatment treatment(const std::string& name) {
  const auto at = std::ranges::find(verdict::kTreatmentNames, name);
  return static_cast<verdict::Treatment>(at - std::begin(verdict::kTreatmentNames));
}

worker::PipelineConfig pipeline_config(const ConfigValues& values) {
  worker::PipelineConfig config;
  config.mail_ports.clear();
  for (int64_t port : values.integer_list("smtp.mail_ports"))
    config.mail_ports.push_back(static_cast<uint16_t>(port));
  config.inspect_inbound = values.boolean("smtp.inspect_inbound");
  config.observe_only = values.boolean("policy.observe_only");
  config.verify_checksums = values.boolean("ports.verify_checksums");
  config.threshold = values.number("signatures.threshold");
  config.refuse_smuggling = values.text("policy.smuggling") == "refuse";
  config.mask_starttls = values.text("policy.starttls") == "mask";
  config.without_signature_set = fail_mode(values, "fail.no_signature_set");
  config.on_scan_error = fail_mode(values, "fail.scan_error");
  config.on_memory_cap = fail_mode(values, "fail.memory");
  config.on_overload = fail_mode(values, "fail.overload");
  config.mid_stream = values.text("policy.mid_stream") == "pass" ? worker::MidStream::kPass
                                                                 : worker::MidStream::kReset;
  config.mid_stream_window_s = seconds(values, "timeouts.mid_stream");
  config.handshakes = integer(values, "limits.handshakes");
  config.flows = integer(values, "limits.flows");
  config.messages_in_flight = integer(values, "limits.messages_in_flight");
  config.transactions = integer(values, "limits.transactions");
  config.shadow_messages = integer(values, "limits.shadow_messages");
  config.answers = integer(values, "limits.answers");
  config.blocked_answers = integer(values, "limits.blocked_answers");
  config.flow_out_of_order_bytes = integer(values, "limits.flow_out_of_order_kib") * 1024;
  config.flow_retained_bytes = integer(values, "limits.flow_retained_kib") * 1024;
  config.worker_held_bytes = static_cast<uint64_t>(values.integer("limits.held_mib")) << 20;
  config.idle_timeout_s = seconds(values, "timeouts.idle");
  config.embryonic_timeout_s = seconds(values, "timeouts.embryonic");
  config.closing_timeout_s = seconds(values, "timeouts.closing");
  config.answer_timeout_s = seconds(values, "timeouts.answer");
  config.greeting_host = values.text("replies.host");
  config.help_url = values.text("replies.url");
  return config;
}

// "tls://control.example.net:4711", "tls://[2001:db8::1]:4711": what stands behind the scheme;
// empty when it is no such address.
std::string tls_host_and_port(std::string_view text) {
  constexpr std::string_view kScheme = "tls://";
  if (!text.starts_with(kScheme)) return "";
  text.remove_prefix(kScheme.size());
  const size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return "";
  const std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (host.find_first_of(bracketed ? "/" : "/:[]") != host.npos) return "";
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return "";
  return std::string(text);
}

// The files are looked at now, so that a mistake is found before the gate is put into the way.
template <typename Mistake>
void take_remote_control(const ConfigValues& values, Settings& settings, Mistake&& mistake) {
  const std::string& address = values.text("control.address");
  if (address.empty()) {
    for (const char* key :
         {"control.certificate", "control.key", "control.ca", "control.server_name"})
      if (!values.text(key).empty())
        mistake(key, "is for a control process on another machine: name it in control.address");
    return;
  }
  settings.remote_control = tls_host_and_port(address);
  if (settings.remote_control.empty())
    mistake("control.address", fmt::format("is \"{}\": write it as \"tls://HOST:PORT\"", address));
  settings.control_server_name = values.text("control.server_name");
  settings.control_files = {.certificate = values.text("control.certificate"),
                            .key = values.text("control.key"),
                            .authorities = values.text("control.ca")};
  const auto identity = read_tls_files(
      settings.control_files,
      {.certificate = "control.certificate", .key = "control.key", .authorities = "control.ca"});
  if (!identity)
    mistake("control.address", fmt::format("is on another machine. {}", identity.error()));
  else if (std::ranges::find(identity->names, settings.gate) == identity->names.end())
    mistake(
        "control.certificate",
        fmt::format("is for {}, and gate.id is {}: control would turn the gate away. Name one "
                    "as the other",
                    identity->names.empty() ? "nobody"
                                            : fmt::format("{}", fmt::join(identity->names, ", ")),
                    settings.gate));
}

Settings from_values(const ConfigValues& values, std::string& errors) {
  const auto mistake = [&](std::string_view key, std::string_view what) {
    errors += fmt::format("{}{}: {}", errors.empty() ? "" : "\n", key, what);
  };
  Settings settings;
  settings.gate = values.text("gate.id");
  if (settings.gate.empty()) mistake("gate.id", "must not be empty");
  const std::string_view device_keys[] = {"ports.inside", "ports.outside"};
  for (size_t side = 0; side < 2; ++side) {
    auto device = ports::Device::parse(values.text(device_keys[side]));
    if (device)
      settings.devices[side] = *device;
    else
      mistake(device_keys[side], device.error());
  }
  if (errors.empty() && settings.devices[0].port_name == settings.devices[1].port_name)
    mistake("ports.outside",
            fmt::format("is {}, and so is ports.inside: two different ports are needed",
                        settings.devices[1].port_name));
  settings.mtu = static_cast<uint16_t>(values.integer("ports.mtu"));
  settings.descriptors = static_cast<uint16_t>(values.integer("ports.descriptors"));

  settings.workers = static_cast<uint16_t>(values.integer("worker.count"));
  for (int64_t cpu : values.integer_list("worker.cores"))
    settings.cpus.push_back(static_cast<int>(cpu));
  const size_t lcores = settings.workers + (settings.workers > 1 ? 1u : 0u);
  if (!settings.cpus.empty() && settings.cpus.size() != lcores)
    mistake("worker.cores",
            fmt::format("names {} CPUs, but {} are needed: one for each of {} workers{}",
                        settings.cpus.size(), lcores, settings.workers,
                        settings.workers > 1 ? " and one for the distributor" : ""));
  settings.idle_sleep_us = integer(values, "worker.idle_sleep_us");
  settings.allow_rss = values.text("worker.distribution") == "auto";

  settings.pipeline = pipeline_config(values);
  settings.reassembly = {.mail_ports = settings.pipeline.mail_ports,
                         .datagrams = integer(values, "limits.fragments"),
                         .timeout_s = seconds(values, "timeouts.fragments"),
                         .mtu = settings.mtu,
                         .verify_checksums = settings.pipeline.verify_checksums};
  if (settings.pipeline.mail_ports.empty())
    mistake("smtp.mail_ports", "must name at least one port");
  for (const smtp::ReplyDescription& reply : smtp::kReplyTable)
    if (const std::string key = fmt::format("replies.{}", reply.key); values.is_set(key))
      settings.pipeline.reply_templates.emplace_back(reply.key, values.text(key));
  if (const auto texts =
          smtp::ReplyTexts::create(settings.pipeline.greeting_host, settings.pipeline.help_url,
                                   settings.pipeline.reply_templates);
      !texts)
    errors += (errors.empty() ? "" : "\n") + texts.error();

  settings.signature_set = values.text("signatures.set");
  settings.trust.allow_unsigned = values.boolean("signatures.allow_unsigned");
  for (const std::string& text : values.text_list("signatures.trusted_keys")) {
    if (const auto key = artefact::PublicKey::find(text))
      settings.trust.keys.push_back(*key);
    else
      mistake("signatures.trusted_keys", key.error());
  }
  settings.default_treatment = treatment(values.text("policy.default"));
  settings.verdicts = integer(values, "limits.verdicts");
  settings.narrow_blocks = integer(values, "limits.narrow_blocks");
  settings.event_queue = integer(values, "limits.event_queue");
  settings.event_spool = integer(values, "agent.spool_events");
  settings.control_socket = values.text("control.socket");
  take_remote_control(values, settings, mistake);
  settings.state_directory = values.text("state.directory");
  settings.log_level = values.text("log.level");
  settings.huge_pages = values.boolean("eal.huge_pages");
  settings.eal_options = values.text_list("eal.options");
  return settings;
}

std::expected<Settings, std::string> checked(const std::expected<ConfigValues, std::string>& values,
                                             std::string_view name) {
  if (!values) return std::unexpected(values.error());
  std::string errors;
  Settings settings = from_values(*values, errors);
  if (!errors.empty()) return std::unexpected(fmt::format("{}:\n{}", name, errors));
  return settings;
}

}  // namespace

std::span<const ConfigKey> settings_table() { return table(); }

std::expected<Settings, std::string> Settings::load(const std::filesystem::path& file) {
  return checked(load_config(file, table()), file.string());
}

std::expected<Settings, std::string> Settings::parse(std::string_view toml, std::string_view name) {
  return checked(parse_config(toml, name, table()), name);
}

uint32_t Settings::pool_frames() const {
  // A worker's allowance is counted in buffers of 2 KiB, however little is in them.
  const uint64_t held = workers * (pipeline.worker_held_bytes / 2048 + 1);
  // Every queue of both ports full in both directions, the distributor's rings, caches and bursts.
  const uint64_t queues = 2ull * 2 * (workers + 1) * descriptors;
  const uint64_t rings = workers > 1 ? 4ull * 1024 * workers : 0;
  const uint64_t caches = 1024ull * (workers + 2);
  // Whether workers poll ports or a distributor does is known once the ports are open.
  const uint64_t fragments = workers * ports::Reassembly::frames_needed(reassembly.datagrams);
  return static_cast<uint32_t>(
      std::min<uint64_t>(held + queues + rings + caches + fragments, UINT32_MAX / 2));
}

}  // namespace postern
