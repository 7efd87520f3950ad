// The octets of a leaf out of their Content-Transfer-Encoding.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/base64.h"
#include "dataplane/mime/content_type.h"
#include "dataplane/mime/quoted_printable.h"

namespace postern::mime {

class TransferDecoder {
 public:
  void begin(TransferEncoding encoding) {
    encoding_ = encoding;
    base64_.begin();
    quoted_printable_.begin();
  }
  // `told` is called with decoded octets, which live until it returns.
  template <typename Told>
  void decode(std::string_view encoded, Told&& told) {
    const bool base64 = encoding_ == TransferEncoding::kBase64;
    if (!base64 && encoding_ != TransferEncoding::kQuotedPrintable) return told(encoded);
    std::array<uint8_t, kDecodedBytes> decoded;
    while (!encoded.empty()) {
      const size_t taken = std::min(encoded.size(), kSliceBytes);
      const std::span<const uint8_t> slice(reinterpret_cast<const uint8_t*>(encoded.data()), taken);
      const size_t made = base64 ? base64_.decode(slice, decoded.data())
                                 : quoted_printable_.decode(slice, decoded.data());
      told(as_text(decoded.data(), made));
      encoded.remove_prefix(taken);
    }
  }
  // What the end of the leaf leaves.
  template <typename Told>
  void finish(Told&& told) {
    std::array<uint8_t, kDecodedBytes> decoded;
    if (encoding_ == TransferEncoding::kBase64) {
      told(as_text(decoded.data(), base64_.finish(decoded.data())));
    } else if (encoding_ == TransferEncoding::kQuotedPrintable) {
      told(as_text(decoded.data(), quoted_printable_.finish(decoded.data())));
    }
  }
  bool bad_base64() const { return base64_.damaged(); }
  bool bad_quoted_printable() const { return quoted_printable_.damaged(); }

 private:
  static constexpr size_t kSliceBytes = 4096;
  static constexpr size_t kDecodedBytes =
      std::max(Base64Decoder::decoded_bound(kSliceBytes),
               QuotedPrintableDecoder::decoded_bound(kSliceBytes));

  TransferEncoding encoding_ = TransferEncoding::kIdentity;
  Base64Decoder base64_;
  QuotedPrintableDecoder quoted_printable_;
};

}  // namespace postern::mime
