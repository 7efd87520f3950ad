#include "control/cli/inspect/inspect_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "control/cli/inspect/event_text.h"
#include "dataplane/inspect/capture_file.h"
#include "dataplane/inspect/inspector.h"
#include "dataplane/scan/scanner.h"

namespace postern::cli {
namespace {

// The input makes no sense: as for all commands of `postern`.
constexpr int kUnreadable = 2;

struct Request {
  std::string capture;
  std::string signatures;
  std::vector<uint16_t> ports{25, 587};
  bool json = false;
  bool ignore_checksums = false;
};

// What a reader of the result should know about what could not be read.
void complain_of_what_is_missing(const Counters& counters, uint64_t cut_frames) {
  const auto say = [](uint64_t count, std::string_view text) {
    if (count > 0) std::cerr << fmt::format("postern inspect: {} {}\n", count, text);
  };
  say(counters.get(Counter::kDropChecksum),
      "packets left out because their checksums are wrong; if the capture was taken on the sending "
      "host, use --ignore-checksums");
  say(counters.get(Counter::kFramesMidStream),
      "packets left out because they belong to connections whose beginning is not in the capture");
  say(counters.get(Counter::kDropFragment),
      "packets left out because they are in IP fragments, which only the data plane puts together");
  say(cut_frames, "packets were captured only in part; capture with a snap length of 0");
}

int inspect_capture(const Request& request) {
  inspect::InspectOptions options;
  options.ports = request.ports;
  options.verify_checksums = !request.ignore_checksums;
  if (!request.signatures.empty()) {
    auto set = scan::SignatureSet::load(request.signatures);
    if (!set) {
      std::cerr << "postern inspect: " << set.error() << "\n";
      return kUnreadable;
    }
    options.signatures = std::move(*set);
  }
  auto capture = inspect::CaptureFile::open(request.capture);
  if (!capture) {
    std::cerr << "postern inspect: " << capture.error() << "\n";
    return kUnreadable;
  }
  // A program that reads gets JSON, a person at a terminal gets text.
  const bool json = request.json || isatty(STDOUT_FILENO) == 0;
  auto inspector = inspect::Inspector::create(options, [json](const nlohmann::ordered_json& event) {
    // What mail says is not always UTF-8; JSON always is.
    std::cout << (json ? event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                       : event_text(event));
  });
  if (!inspector) {
    std::cerr << "postern inspect: " << inspector.error() << "\n";
    return kUnreadable;
  }
  uint64_t cut_frames = 0;
  int exit_code = 0;
  while (true) {
    const auto packet = capture->next();
    if (!packet) {
      std::cerr << "postern inspect: " << packet.error() << "; what was read so far is shown\n";
      exit_code = kUnreadable;
      break;
    }
    if (!*packet) break;
    if ((*packet)->cut) ++cut_frames;
    (*inspector)->packet((*packet)->frame, (*packet)->wall_us);
  }
  (*inspector)->finish();
  std::cout.flush();
  complain_of_what_is_missing((*inspector)->counters(), cut_frames);
  return exit_code;
}

}  // namespace

void add_inspect_command(CLI::App& app, int* exit_code) {
  auto request = std::make_shared<Request>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Read a capture file as the data plane would and show its mail");
  command->add_option("FILE", request->capture, "Capture to read: pcap or pcapng")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_flag("--json", request->json,
                    "One JSON event a line; the default when the output is not a terminal");
  command->add_option("--signatures", request->signatures, "Score messages with this signature set")
      ->check(CLI::ExistingFile);
  command->add_option("--ports", request->ports, "TCP ports that carry SMTP")
      ->delimiter(',')
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_flag(
      "--ignore-checksums", request->ignore_checksums,
      "Read packets with wrong checksums too, as a capture on the sending host has them");
  command->callback([request, exit_code] { *exit_code = inspect_capture(*request); });
}

}  // namespace postern::cli
