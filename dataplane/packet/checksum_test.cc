#include "dataplane/packet/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/packet/bytes.h"

namespace postern::packet {
namespace {

// RFC 1071 section 3: the octets 00 01 f2 03 f4 f5 f6 f7 sum to ddf2.
TEST(InternetSum, IsTheExampleOfRfc1071) {
  const std::vector<uint8_t> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_sum(bytes), 0xddf2u);
}

TEST(InternetSum, AgreesWithTheDefinitionAtEveryLength) {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 70; ++i) bytes.push_back(static_cast<uint8_t>(i * 37 + 200));
  for (size_t n = 0; n <= bytes.size(); ++n) {
    uint32_t sum = 0x1234;  // 16-bit one's complement addition, word by word
    for (size_t i = 0; i < n; i += 2) {
      sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < n ? bytes[i + 1] : 0));
      sum = (sum & 0xffff) + (sum >> 16);
    }
    EXPECT_EQ(internet_sum({bytes.data(), n}, 0x1234), sum) << n;
  }
}

// The IPv4 header that RFC 1071's arithmetic is usually shown on: its checksum is b861.
TEST(Checksum, OfAKnownIpv4Header) {
  const std::vector<uint8_t> header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_EQ(internet_sum(header), 0xffffu);
}

}  // namespace
}  // namespace postern::packet
