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

// The messages of a file: of an mbox each of them, else the one that it is. An mbox begins with a
// line "From … 12:34:56 2026"; each such line behind an empty one begins a message. Both lines are
// left out, and of several messages one '>' before a quoted "From ".
std::expected<std::vector<std::vector<uint8_t>>, std::string> read_messages(
    const std::filesystem::path& path);

// Whether this begins as a message does, with a header field (RFC 5322 section 2.2).
bool begins_with_field(std::span<const uint8_t> message);

// A word of the SMTP dialogue, for rules of its target (language::is_of_envelope).
struct EnvelopeElement {
  language::Target target;
  std::string text;
};

ScanResult scan_message(MessageScan& scan, std::shared_ptr<const SignatureSet> set,
                        MessageScan::Scratch& scratch, std::span<const uint8_t> message,
                        std::span<const EnvelopeElement> envelope = {},
                        Asked asked = Asked::kScore);

}  // namespace postern::scan
