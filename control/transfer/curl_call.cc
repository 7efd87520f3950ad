#include "control/transfer/curl_call.h"

namespace postern::transfer {

CurlCall::CurlCall(const std::string& url, const char* protocols, long seconds,
                   const std::filesystem::path& ca_file, const std::atomic<bool>& stop)
    : stop_(stop) {
  // Once in a process, before it is used; C++ sees to it that no two threads are here.
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(kReady);
  handle_.reset(curl_easy_init());
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, protocols);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, seconds / 2);
  set(CURLOPT_TIMEOUT, seconds);
  set(CURLOPT_ERRORBUFFER, error_);
  set(CURLOPT_WRITEFUNCTION, &CurlCall::receive);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &CurlCall::receive);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &CurlCall::progress);
  set(CURLOPT_XFERINFODATA, this);
  if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
}

size_t CurlCall::receive(char*, size_t size, size_t count, void* self) {
  auto& call = *static_cast<CurlCall*>(self);
  call.received_ += size * count;
  return call.cut() ? 0 : size * count;
}

void CurlCall::keep(size_t most) {
  most_ = most;
  set(CURLOPT_WRITEFUNCTION, &CurlCall::receive_body);
}

size_t CurlCall::receive_body(char* octets, size_t size, size_t count, void* self) {
  const size_t taken = receive(octets, size, count, self);
  static_cast<CurlCall*>(self)->body_.append(octets, taken);
  return taken;
}

int CurlCall::progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<CurlCall*>(self)->stop_ ? 1 : 0;
}

CURLcode CurlCall::perform() { return curl_easy_perform(handle_.get()); }

long CurlCall::reply() {
  long code = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
  return code;
}

std::string CurlCall::why(CURLcode code) const {
  return error_[0] != '\0' ? error_ : curl_easy_strerror(code);
}

}  // namespace postern::transfer
