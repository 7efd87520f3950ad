// SHA-256 (FIPS 180-4), through libcrypto.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace postern::artefact {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::span<const uint8_t> bytes);
std::string hex(const Sha256& digest);

}  // namespace postern::artefact
