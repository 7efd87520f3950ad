#include "patterns/artefact/artefact.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/replace_file.h"
#include "patterns/artefact/bytes.h"
#include "patterns/artefact/sections.h"

namespace postern::artefact {
namespace {

constexpr size_t kDigestOffset = 24;
constexpr size_t kSignatureIndex = static_cast<size_t>(SectionKind::kSignature) - 1;
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

Sha256 digest_without(std::span<const uint8_t> file, uint64_t signature_offset,
                      uint64_t signature_length) {
  static constexpr std::array<uint8_t, 4096> kZeros{};
  Sha256Stream stream;
  const auto zeros = [&](uint64_t count) {
    for (; count > 0; count -= std::min<uint64_t>(count, kZeros.size()))
      stream.update(std::span(kZeros).first(std::min<uint64_t>(count, kZeros.size())));
  };
  stream.update(file.first(kDigestOffset));
  zeros(sizeof(Sha256));
  const size_t behind = kDigestOffset + sizeof(Sha256);
  stream.update(file.subspan(behind, signature_offset - behind));
  zeros(signature_length);
  stream.update(file.subspan(signature_offset + signature_length));
  return stream.finish();
}

Sha256 digest_without(std::span<const uint8_t> file, const Section& signature) {
  return digest_without(file, static_cast<uint64_t>(signature.bytes.data() - file.data()),
                        signature.bytes.size());
}

// What a signature is of.
std::vector<uint8_t> signed_text(const Sha256& digest) {
  std::vector<uint8_t> text(kSignedPrefix.size() + digest.size());
  std::ranges::copy(digest, std::ranges::copy(kSignedPrefix, text.begin()).out);
  return text;
}

Sha256 header_digest(std::span<const uint8_t> file) {
  Sha256 digest;
  std::ranges::copy(file.subspan(kDigestOffset, digest.size()), digest.begin());
  return digest;
}

}  // namespace

Sha256 digest_of(std::span<const uint8_t> file) {
  if (file.size() < kHeaderBytes) return sha256(file);
  const auto sections = parse_table(file);
  if (!sections) return digest_without(file, file.size(), 0);
  return digest_without(file, (*sections)[kSignatureIndex]);
}

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
  const Sha256 digest = digest_of(file);
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
  // Of a table that is out of order nothing can be said but that something was changed.
  auto sections = parse_table(file);
  if (!sections) return std::unexpected(std::move(sections.error()));
  const Sha256 digest = header_digest(file);
  if (digest_without(file, (*sections)[kSignatureIndex]) != digest)
    return refuse("the artefact is damaged: its checksum does not match");
  Artefact artefact;
  for (const Section& section : *sections) {
    if (auto parsed = parse_section(artefact, section.kind, section.bytes); !parsed) {
      return refuse(parsed.error());
    }
  }
  if (const auto& signature = artefact.signature;
      signature && !signature->signer.verify(signed_text(digest), signature->value)) {
    return std::unexpected(
        "the artefact is damaged: its signature does not match; sign it again: postern signatures "
        "sign SET --key FILE");
  }
  return artefact;
}

std::expected<void, std::string> write(const Artefact& artefact,
                                       const std::filesystem::path& path) {
  return replace_file(path, serialise(artefact));
}

std::expected<ArtefactFile, std::string> read(const std::filesystem::path& path) {
  auto mapping = MappedFile::open(path);
  if (!mapping) return std::unexpected(std::move(mapping.error()));
  return read(std::move(*mapping), path.string());
}

std::expected<ArtefactFile, std::string> read(std::shared_ptr<const MappedFile> mapping,
                                              std::string_view name) {
  const std::span<const uint8_t> file = mapping->bytes();
  auto artefact = parse(file);
  if (!artefact) return std::unexpected(fmt::format("{}: {}", name, artefact.error()));
  return ArtefactFile{std::move(*artefact), hex(header_digest(file)), file.size(),
                      std::move(mapping)};
}

std::expected<void, std::string> sign(Artefact& artefact, const PrivateKey& key) {
  artefact.signature.reset();
  const auto value = key.sign(signed_text(header_digest(serialise(artefact))));
  if (!value) return std::unexpected(value.error());
  artefact.signature = SetSignature{key.public_key(), *value};
  return {};
}

std::expected<void, std::string> sign(const std::filesystem::path& path, const PrivateKey& key) {
  auto mapping = MappedFile::open(path);
  if (!mapping) return std::unexpected(std::move(mapping.error()));
  const auto sections = parse_table((*mapping)->bytes());
  std::vector<uint8_t> file((*mapping)->bytes().begin(), (*mapping)->bytes().end());
  // Whatever signature is there, it goes: it alone may be damaged.
  if (sections) {
    const auto& old = (*sections)[kSignatureIndex].bytes;
    std::fill_n(file.begin() + (old.data() - (*mapping)->bytes().data()), old.size(), uint8_t{0});
  }
  auto artefact = parse(file);
  if (!artefact) return std::unexpected(fmt::format("{}: {}", path.string(), artefact.error()));
  const auto value = key.sign(signed_text(header_digest(file)));
  if (!value) return std::unexpected(value.error());
  artefact->signature = SetSignature{key.public_key(), *value};
  const auto section = serialise_section(*artefact, SectionKind::kSignature);
  std::ranges::copy(section, file.begin() + ((*sections)[kSignatureIndex].bytes.data() -
                                             (*mapping)->bytes().data()));
  return replace_file(path, file);
}

std::expected<void, std::string> TrustPolicy::check(const Artefact& artefact) const {
  if (allow_unsigned) return {};
  constexpr std::string_view kSign =
      "sign it with a trusted key: postern signatures sign SET --key FILE";
  if (!artefact.signature)
    return std::unexpected(
        fmt::format("the set is not signed; {} (or allow it: signatures.allow_unsigned)", kSign));
  const PublicKey& signer = artefact.signature->signer;
  if (std::ranges::find(keys, signer) != keys.end()) return {};
  return std::unexpected(
      fmt::format("the set is signed by key {} ({}), which is not trusted here; {}, or add the key "
                  "to signatures.trusted_keys",
                  signer.id(), signer.base64(), kSign));
}

}  // namespace postern::artefact
