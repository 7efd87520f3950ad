// Each section of an artefact to and from bytes.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "patterns/artefact/artefact.h"

namespace postern::artefact {

std::vector<uint8_t> serialise_section(const Artefact& artefact, SectionKind kind);
// Adds the section to `artefact`. Sections come in the order of their kinds: a later one's indices
// are checked against the earlier ones.
std::expected<void, std::string> parse_section(Artefact& artefact, SectionKind kind,
                                               std::span<const uint8_t> bytes);

}  // namespace postern::artefact
