// Signed sets: what a signature covers, what damage to it does, and who is trusted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::artefact {
namespace {

using ::testing::HasSubstr;

Artefact set_of_two() {
  language::Reader reader;
  reader.read_text("test.cf", "body A /a/\nheader E exists:X\n");
  return compile::compile(
             *reader.finish(),
             {.compiler = "test", .placement = {.factoring = compile::Factoring::kNever}})
      ->artefact;
}

class Signing : public ::testing::Test {
 protected:
  Signing() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("postern-signing-test-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory_);
    path_ = directory_ / "set.psig";
    EXPECT_TRUE(write(set_of_two(), path_));
  }
  ~Signing() override { std::filesystem::remove_all(directory_); }
  std::vector<uint8_t> octets() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  const PrivateKey key_ = *PrivateKey::generate();
  const PrivateKey other_ = *PrivateKey::generate();
  std::filesystem::path directory_, path_;
};

TEST_F(Signing, changes_nothing_but_the_signature) {
  const auto before = octets();
  const std::string digest = read(path_)->digest;
  EXPECT_FALSE(read(path_)->artefact.signature);
  ASSERT_TRUE(sign(path_, key_));
  const auto file = read(path_);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(file->digest, digest);
  ASSERT_TRUE(file->artefact.signature);
  EXPECT_EQ(file->artefact.signature->signer, key_.public_key());
  const auto after = octets();
  ASSERT_EQ(after.size(), before.size());
  size_t first = before.size(), last = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    first = std::min(first, i);
    last = i;
  }
  EXPECT_LT(last - first, 104u);
  // In place of the first; and the compiler's own way comes to the same.
  ASSERT_TRUE(sign(path_, other_));
  EXPECT_EQ(read(path_)->artefact.signature->signer, other_.public_key());
  ASSERT_TRUE(sign(path_, key_));
  Artefact set = set_of_two();
  ASSERT_TRUE(sign(set, key_));
  EXPECT_EQ(serialise(set), octets());
}

// The digest and the signature as the header documents them, by hand.
TEST_F(Signing, covers_what_is_documented) {
  ASSERT_TRUE(sign(path_, key_));
  std::vector<uint8_t> file = octets();
  const size_t entry = 64 + 6 * 32;
  const size_t offset = file[entry + 8] | file[entry + 9] << 8 | file[entry + 10] << 16;
  EXPECT_EQ(file[entry + 16], 104);
  SignatureBytes value;
  std::copy_n(file.begin() + static_cast<ptrdiff_t>(offset) + 40, 64, value.begin());
  std::fill_n(file.begin() + static_cast<ptrdiff_t>(offset), 104, uint8_t{0});
  std::fill_n(file.begin() + 24, 32, uint8_t{0});
  const Sha256 digest = sha256(file);
  EXPECT_EQ(hex(digest), read(path_)->digest);
  std::string text = "postern signature set\n";
  text.append(digest.begin(), digest.end());
  EXPECT_TRUE(key_.public_key().verify(
      std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()), value));
}

TEST_F(Signing, every_flipped_byte_and_every_truncation_of_a_signed_set_is_refused) {
  ASSERT_TRUE(sign(path_, key_));
  std::vector<uint8_t> file = octets();
  ASSERT_TRUE(parse(file));
  for (size_t i = 0; i < file.size(); ++i) {
    for (const uint8_t flip : {0x01, 0x80}) {
      file[i] ^= flip;
      EXPECT_FALSE(parse(file)) << i;
      file[i] ^= flip;
    }
  }
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_FALSE(parse(std::span(file).first(length))) << length;
}

TEST_F(Signing, a_signature_moved_to_another_set_is_refused) {
  Artefact set = set_of_two();
  ASSERT_TRUE(sign(set, key_));
  set.rules[0].score = 99;
  const std::vector<uint8_t> file = serialise(set);
  EXPECT_THAT(parse(file).error(), HasSubstr("its signature does not match; sign it again"));
}

TEST_F(Signing, trust_is_in_keys) {
  const TrustPolicy ours{.keys = {other_.public_key(), key_.public_key()}};
  EXPECT_THAT(ours.check(read(path_)->artefact).error(),
              HasSubstr("not signed; sign it with a trusted key: postern signatures sign"));
  EXPECT_TRUE((TrustPolicy{.keys = {}, .allow_unsigned = true}.check(read(path_)->artefact)));
  ASSERT_TRUE(sign(path_, key_));
  EXPECT_TRUE(ours.check(read(path_)->artefact));
  const TrustPolicy theirs{.keys = {other_.public_key()}};
  EXPECT_THAT(theirs.check(read(path_)->artefact).error(),
              HasSubstr(key_.public_key().id() + " (" + key_.public_key().base64() +
                        "), which is not trusted here"));
  EXPECT_FALSE(TrustPolicy{}.check(read(path_)->artefact));
}

TEST_F(Signing, a_file_replaced_while_mapped_stays_whole) {
  const auto mapped = read(path_);
  ASSERT_TRUE(mapped);
  const std::vector<uint8_t> before(mapped->mapping->bytes().begin(),
                                    mapped->mapping->bytes().end());
  ASSERT_TRUE(sign(path_, key_));
  std::filesystem::remove(path_);
  EXPECT_TRUE(std::ranges::equal(mapped->mapping->bytes(), before));
  EXPECT_EQ(mapped->artefact.databases[0].bytes.size(), set_of_two().databases[0].bytes.size());
}

// `cp NEW OLD` writes over the file in place; a copy of our own does not notice.
TEST_F(Signing, a_private_copy_survives_a_file_that_is_cut_short_in_place) {
  const auto before = octets();
  const auto copy = MappedFile::private_copy(path_, directory_);
  ASSERT_TRUE(copy) << copy.error();
  std::filesystem::resize_file(path_, 0);
  EXPECT_TRUE(std::ranges::equal((*copy)->bytes(), before));
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) files += entry.exists();
  EXPECT_EQ(files, 1u);
  EXPECT_THAT(MappedFile::open(directory_).error(), HasSubstr("is not a regular file"));
  EXPECT_THAT(read(path_).error(), HasSubstr("not a compiled signature set"));
}

}  // namespace
}  // namespace postern::artefact
