#include "base/allocator.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

#if defined(__SANITIZE_ADDRESS__)
TEST(Allocator, IsTheSanitizers) { EXPECT_EQ(allocator_name(), "AddressSanitizer"); }
#elif defined(__SANITIZE_THREAD__)
TEST(Allocator, IsTheSanitizers) { EXPECT_EQ(allocator_name(), "ThreadSanitizer"); }
#else
// The dynamic linker is the independent witness of where malloc comes from.
TEST(Allocator, IsMimallocWhereTheDynamicLinkerSaysSo) {
  Dl_info info{};
  ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info), 0);
  EXPECT_NE(std::string(info.dli_fname).find("libmimalloc"), std::string::npos) << info.dli_fname;
  EXPECT_TRUE(allocator_name().starts_with("mimalloc ")) << allocator_name();
}
#endif

}  // namespace
}  // namespace postern
