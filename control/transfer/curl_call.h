// One transfer by libcurl, with the bounds that every one of ours has.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

namespace postern::transfer {

class CurlCall {
 public:
  // No proxy of the environment, no redirects, no signals; certificates and names are checked,
  // against those in `ca_file` or, where that is empty, the system's. Given up after `seconds`, and
  // when `stop` turns true.
  CurlCall(const std::string& url, const char* protocols, long seconds,
           const std::filesystem::path& ca_file, const std::atomic<bool>& stop);

  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(handle_.get(), option, value);
  }
  // Lines of a header, or recipients.
  void append(const std::string& line) {
    list_.reset(curl_slist_append(list_.release(), line.c_str()));
  }
  curl_slist* list() { return list_.get(); }
  // Keeps the answer's body, which is of no interest otherwise; at most so many octets.
  void keep(size_t most);

  CURLcode perform();
  // What the server said last; 0: nothing.
  long reply();
  // What went wrong, for people.
  std::string why(CURLcode code) const;
  // The answer was longer than anyone needs, and was left there.
  bool cut() const { return received_ > most_; }
  std::string& body() { return body_; }

 private:
  static size_t receive(char* octets, size_t size, size_t count, void* self);
  static size_t receive_body(char* octets, size_t size, size_t count, void* self);
  static int progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::unique_ptr<CURL, Cleanup> handle_;
  std::unique_ptr<curl_slist, Cleanup> list_;
  const std::atomic<bool>& stop_;
  size_t received_ = 0, most_ = 64 << 10;
  std::string body_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace postern::transfer
