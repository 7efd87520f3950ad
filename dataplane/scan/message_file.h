// Whole messages in files, for the CLI and for tests. Not for a worker: it reads and allocates.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/scan/scanner.h"

namespace postern::scan {

// The octets of a message file, or of standard input for "-". A leading mbox line ("From …") is
// left out. The error says what to do.
std::expected<std::vector<uint8_t>, std::string> read_message_file(
    const std::filesystem::path& path);

// A word of the SMTP dialogue, for rules of its target (language::is_of_envelope).
struct EnvelopeElement {
  language::Target target;
  std::string text;
};

ScanResult scan_message(MessageScan& scan, std::shared_ptr<const SignatureSet> set,
                        MessageScan::Scratch& scratch, std::span<const uint8_t> message,
                        std::span<const EnvelopeElement> envelope = {});

}  // namespace postern::scan
