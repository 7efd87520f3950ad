#include "patterns/artefact/artefact.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "patterns/artefact/bytes.h"
#include "patterns/artefact/sections.h"

namespace postern::artefact {
namespace {

constexpr size_t kDigestOffset = 24;
constexpr std::string_view kCompileAgain =
    "compile it again from its rules: postern signatures compile SRC… -o SET.psig";

uint64_t aligned(uint64_t offset) {
  return (offset + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
}

struct Section {
  SectionKind kind;
  std::span<const uint8_t> bytes;
};

std::unexpected<std::string> refuse(std::string_view what) {
  return std::unexpected(fmt::format("{}; {}", what, kCompileAgain));
}

std::expected<std::vector<Section>, std::string> parse_table(std::span<const uint8_t> file) {
  ByteReader in(file);
  in.take(12);
  const uint32_t count = in.u32();
  if (count != kSections) return refuse(fmt::format("the artefact is damaged: {} sections", count));
  in.take(kHeaderBytes - 16);
  std::vector<Section> sections;
  uint64_t expected_offset = aligned(kHeaderBytes + kSections * kSectionEntryBytes);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t kind = in.u32();
    const uint32_t zero = in.u32();
    const uint64_t offset = in.u64();
    const uint64_t length = in.u64();
    const uint64_t more_zero = in.u64();
    if (!in.ok() || kind != i + 1 || zero != 0 || more_zero != 0 || offset != expected_offset ||
        offset > file.size() || length > file.size() - offset) {
      return refuse("the artefact is damaged: its table of sections is not in order");
    }
    sections.push_back({static_cast<SectionKind>(kind), file.subspan(offset, length)});
    expected_offset = aligned(offset + length);
  }
  return sections;
}

}  // namespace

std::vector<uint8_t> serialise(const Artefact& artefact) {
  std::vector<std::vector<uint8_t>> sections;
  for (uint32_t kind = 1; kind <= kSections; ++kind) {
    sections.push_back(serialise_section(artefact, static_cast<SectionKind>(kind)));
  }
  ByteWriter header;
  for (uint8_t byte : kMagic) header.u8(byte);
  header.u32(kFormatVersion);
  header.u32(kSections);
  uint64_t offset = aligned(kHeaderBytes + kSections * kSectionEntryBytes);
  std::vector<uint64_t> offsets;
  for (const auto& section : sections) {
    offsets.push_back(offset);
    offset = aligned(offset + section.size());
  }
  header.u64(offset);
  for (size_t i = 0; i < sizeof(Sha256) + 8; ++i) header.u8(0);
  for (uint32_t i = 0; i < kSections; ++i) {
    header.u32(i + 1);
    header.u32(0);
    header.u64(offsets[i]);
    header.u64(sections[i].size());
    header.u64(0);
  }
  std::vector<uint8_t> file = std::move(header.bytes());
  file.resize(offset);
  for (uint32_t i = 0; i < kSections; ++i) {
    std::ranges::copy(sections[i], file.begin() + static_cast<ptrdiff_t>(offsets[i]));
  }
  const Sha256 digest = sha256(file);
  std::ranges::copy(digest, file.begin() + kDigestOffset);
  return file;
}

std::expected<Artefact, std::string> parse(std::span<const uint8_t> file) {
  if (file.size() < kMagic.size() || !std::ranges::equal(file.first(kMagic.size()), kMagic)) {
    return std::unexpected(
        "this is not a compiled signature set; expected a file written by: postern "
        "signatures compile SRC… -o SET.psig");
  }
  ByteReader in(file.subspan(kMagic.size()));
  const uint32_t version = in.u32();
  if (in.ok() && version != kFormatVersion) {
    return refuse(fmt::format("the artefact has format version {}, this postern reads version {}",
                              version, kFormatVersion));
  }
  in.u32();
  const uint64_t size = in.u64();
  if (!in.ok() || file.size() < kHeaderBytes || file.size() < size) {
    return refuse(fmt::format("the artefact is truncated: {} bytes are there", file.size()));
  }
  if (file.size() > size) return refuse("the artefact is damaged: bytes follow its end");
  std::vector<uint8_t> copy(file.begin(), file.end());
  std::fill_n(copy.begin() + kDigestOffset, sizeof(Sha256), uint8_t{0});
  if (!std::ranges::equal(sha256(copy), file.subspan(kDigestOffset, sizeof(Sha256)))) {
    return refuse("the artefact is damaged: its checksum does not match");
  }
  auto sections = parse_table(file);
  if (!sections) return std::unexpected(std::move(sections.error()));
  Artefact artefact;
  for (const Section& section : *sections) {
    if (auto parsed = parse_section(artefact, section.kind, section.bytes); !parsed) {
      return refuse(parsed.error());
    }
  }
  return artefact;
}

std::expected<void, std::string> write(const Artefact& artefact,
                                       const std::filesystem::path& path) {
  const std::vector<uint8_t> file = serialise(artefact);
  const std::string temporary = fmt::format("{}.{}.tmp", path.string(), getpid());
  const auto failed = [&](std::string_view step) {
    const int code = errno;
    unlink(temporary.c_str());
    return std::unexpected(
        fmt::format("{}: cannot {}: {}", path.string(), step, std::strerror(code)));
  };
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return failed("create the file");
  for (size_t done = 0; done < file.size();) {
    const ssize_t n = ::write(fd, file.data() + done, file.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const auto error = failed("write");
      close(fd);
      return error;
    }
    done += static_cast<size_t>(n);
  }
  if (fsync(fd) != 0) {
    const auto error = failed("sync");
    close(fd);
    return error;
  }
  close(fd);
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed("rename the new file into place");
  // The rename itself must survive a power cut.
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  const int directory = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return {};
}

std::expected<ArtefactFile, std::string> read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) {
    return std::unexpected(
        fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
  }
  const std::streamoff size = in.tellg();
  if (size < 0) return std::unexpected(fmt::format("{}: is not a regular file", path.string()));
  std::vector<uint8_t> file(static_cast<size_t>(size));
  in.seekg(0);
  if (!in.read(reinterpret_cast<char*>(file.data()), size)) {
    return std::unexpected(fmt::format("{}: cannot be read", path.string()));
  }
  auto artefact = parse(file);
  if (!artefact) return std::unexpected(fmt::format("{}: {}", path.string(), artefact.error()));
  return ArtefactFile{std::move(*artefact), hex(sha256(file)), file.size()};
}

}  // namespace postern::artefact
