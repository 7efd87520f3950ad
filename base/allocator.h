// Which general heap this process really has.
//
// Both processes are linked against mimalloc, whose shared library takes over malloc and operator
// new. A changed link order or a preloaded library would undo that silently; so nothing here
// believes the build: fresh blocks are shown to mimalloc, which says whether they are its own.
// Link a process with allocator_dep to have mimalloc in it.
#pragma once

#include <string>

namespace postern {

// "mimalloc 2.0.9" when malloc *and* operator new give blocks of mimalloc's; else what is there
// instead: "glibc malloc" (whatever malloc is, it is not mimalloc), "AddressSanitizer",
// "ThreadSanitizer".
std::string allocator_name();

}  // namespace postern
