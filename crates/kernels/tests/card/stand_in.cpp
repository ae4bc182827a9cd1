// A graphics card that the processor plays: what `resrel-kernels` calls of NVIDIA's driver, NVRTC and cuBLAS, so that its
// kernels and their calls are tested where there is no card. Nothing is fast here, everything is done when it is asked for,
// and whoever reads or writes beyond the end of what was allocated is stopped by the system.
//
//     g++ -std=c++17 -shared -fPIC -o libcuda.so stand_in.cpp
//     ln -s libcuda.so libnvrtc.so && ln -s libcuda.so libcublas.so
//
// A program finds it by LD_LIBRARY_PATH.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <string>

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

// Numbers of errors as NVIDIA's headers have them.
constexpr int SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_PTX = 218, NOT_FOUND = 500;
constexpr int NVRTC_COMPILATION = 6;
constexpr int COMPUTE_MAJOR = 75, COMPUTE_MINOR = 76;

struct Allocation {
    size_t length;
    void *pages;
    size_t pages_length;
};

std::mutex allocations_lock;
std::map<uint64_t, Allocation> allocations;

// Memory that ends where a page begins that nobody may touch.
int allocate(uint64_t *out, size_t length) {
    // As the driver has it.
    if (length == 0) return INVALID_VALUE;
    const size_t page = sysconf(_SC_PAGESIZE);
    const size_t room = (length + page - 1) / page * page;
    void *pages = mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(static_cast<char *>(pages) + room, page, PROT_NONE);
    // What a card gives is not 0.
    memset(pages, 0x7f, room);
    *out = reinterpret_cast<uint64_t>(pages) + room - length;
    std::lock_guard<std::mutex> lock(allocations_lock);
    allocations[*out] = {length, pages, room + page};
    return SUCCESS;
}

int free_memory(uint64_t memory) {
    std::lock_guard<std::mutex> lock(allocations_lock);
    auto found = allocations.find(memory);
    if (found == allocations.end()) return INVALID_VALUE;
    munmap(found->second.pages, found->second.pages_length);
    allocations.erase(found);
    return SUCCESS;
}

bool is_allocated(uint64_t memory, size_t length) {
    std::lock_guard<std::mutex> lock(allocations_lock);
    auto after = allocations.upper_bound(memory);
    if (after == allocations.begin()) return length == 0;
    --after;
    return memory + length <= after->first + after->second.length;
}

// What kernels see of the language, and how one of any arguments is called.
const char *const BEFORE = R"(
#include <cmath>
#include <cstddef>
#include <utility>
#define __device__ static
#define __global__
struct Three { unsigned x, y, z; };
static thread_local Three blockIdx, threadIdx, blockDim;
template <class... A, std::size_t... I>
static void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A *>(arguments[I])...);
}
template <class... A>
static void launch(void (*kernel)(A...), unsigned blocks, unsigned threads, void **arguments) {
    blockDim = {threads, 1, 1};
    for (blockIdx = {0, 0, 0}; blockIdx.x < blocks; ++blockIdx.x)
        for (threadIdx = {0, 0, 0}; threadIdx.x < threads; ++threadIdx.x)
            call(kernel, arguments, std::index_sequence_for<A...>());
}
)";

using Launch = void (*)(unsigned, unsigned, void **);

struct Program {
    std::string source, library, log;
};

std::string text_of(const std::string &path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// C++ for kernels; the library that comes of it, which takes the place of PTX, is named by its path.
bool compile(Program &program) {
    std::string folder = std::filesystem::temp_directory_path() / "stand-in-XXXXXX";
    if (!mkdtemp(folder.data())) return false;
    const std::string path = folder + "/kernels";
    std::ofstream out(path + ".cpp");
    out << BEFORE << program.source;
    const std::regex kernel("__global__ void (\\w+)\\(");
    std::sregex_iterator found(program.source.begin(), program.source.end(), kernel), end;
    for (; found != end; ++found) {
        const std::string name = (*found)[1];
        out << "extern \"C\" void launch_" << name << "(unsigned b, unsigned t, void **a) { launch(" << name
            << ", b, t, a); }\n";
    }
    out.close();
    const std::string command = "g++ -std=gnu++17 -O2 -ffp-contract=off -shared -fPIC -o '" + path + ".so' '" +
                                path + ".cpp' >'" + path + ".log' 2>&1";
    const bool done = system(command.c_str()) == 0;
    program.library = path + ".so";
    program.log = text_of(path + ".log");
    return done;
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return SUCCESS; }
int cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
int cuDeviceGet(int *device, int) { return *device = 0, SUCCESS; }
int cuDeviceGetName(char *name, int length, int) { return snprintf(name, length, "the processor"), SUCCESS; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    *value = attribute == COMPUTE_MAJOR ? 9 : attribute == COMPUTE_MINOR ? 0 : 1;
    return SUCCESS;
}
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &allocations, SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
int cuCtxSetCurrent(void *) { return SUCCESS; }
int cuCtxGetCurrent(void **context) { return *context = &allocations, SUCCESS; }
int cuGetErrorName(int, const char **name) { return *name = "an error of the stand-in", SUCCESS; }
int cuGetErrorString(int, const char **text) { return *text = "an error of the stand-in", SUCCESS; }

int cuStreamCreate(void **stream, unsigned) { return *stream = malloc(1), SUCCESS; }
int cuStreamDestroy_v2(void *stream) { return free(stream), SUCCESS; }
int cuStreamSynchronize(void *) { return SUCCESS; }

int cuMemAllocAsync(uint64_t *out, size_t length, void *) { return allocate(out, length); }
int cuMemAlloc_v2(uint64_t *out, size_t length) { return allocate(out, length); }
int cuMemFreeAsync(uint64_t memory, void *) { return free_memory(memory); }
int cuMemFree_v2(uint64_t memory) { return free_memory(memory); }
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t length, void *) {
    if (!is_allocated(to, length)) return INVALID_VALUE;
    return memset(reinterpret_cast<void *>(to), value, length), SUCCESS;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t length, void *) {
    if (!is_allocated(to, length)) return INVALID_VALUE;
    return memcpy(reinterpret_cast<void *>(to), from, length), SUCCESS;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t length, void *) {
    if (!is_allocated(from, length)) return INVALID_VALUE;
    return memcpy(to, reinterpret_cast<void *>(from), length), SUCCESS;
}

int cuModuleLoadData(void **module, const void *library) {
    const std::filesystem::path path = static_cast<const char *>(library);
    *module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    std::filesystem::remove_all(path.parent_path());
    return *module ? SUCCESS : INVALID_PTX;
}
int cuModuleUnload(void *module) { return dlclose(module), SUCCESS; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = dlsym(module, ("launch_" + std::string(name)).c_str());
    return *function ? SUCCESS : NOT_FOUND;
}
int cuLaunchKernel(void *function, unsigned blocks, unsigned blocks_y, unsigned blocks_z, unsigned threads,
                   unsigned threads_y, unsigned threads_z, unsigned shared, void *, void **arguments, void **extra) {
    const bool plain = blocks_y == 1 && blocks_z == 1 && threads_y == 1 && threads_z == 1 && shared == 0 && !extra;
    if (!plain || blocks == 0 || threads == 0 || threads > 1024) return INVALID_VALUE;
    return reinterpret_cast<Launch>(function)(blocks, threads, arguments), SUCCESS;
}

int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *,
                       const char *const *) {
    return *program = new Program{source, "", ""}, SUCCESS;
}
int nvrtcCompileProgram(Program *program, int, const char *const *) {
    return compile(*program) ? SUCCESS : NVRTC_COMPILATION;
}
int nvrtcGetPTXSize(Program *program, size_t *size) { return *size = program->library.size() + 1, SUCCESS; }
int nvrtcGetPTX(Program *program, char *out) { return strcpy(out, program->library.c_str()), SUCCESS; }
int nvrtcGetProgramLogSize(Program *program, size_t *size) { return *size = program->log.size() + 1, SUCCESS; }
int nvrtcGetProgramLog(Program *program, char *out) { return strcpy(out, program->log.c_str()), SUCCESS; }
int nvrtcDestroyProgram(Program **program) { return delete *program, *program = nullptr, SUCCESS; }

int cublasCreate_v2(void **handle) { return *handle = malloc(1), SUCCESS; }
int cublasDestroy_v2(void *handle) { return free(handle), SUCCESS; }
int cublasSetStream_v2(void *, void *) { return SUCCESS; }

// C <- alpha A B + beta C, column by column.
int cublasSgemm_v2(void *, int turn_a, int turn_b, int m, int n, int k, const float *alpha, const float *a, int lda,
                   const float *b, int ldb, const float *beta, float *c, int ldc) {
    const bool fits = lda >= (turn_a ? k : m) && ldb >= (turn_b ? n : k) && ldc >= m;
    if (!fits) return 7;
    for (int column = 0; column < n; ++column)
        for (int row = 0; row < m; ++row) {
            float sum = 0.0f;
            for (int i = 0; i < k; ++i) {
                const size_t at_a = turn_a ? (size_t)row * lda + i : (size_t)i * lda + row;
                const size_t at_b = turn_b ? (size_t)i * ldb + column : (size_t)column * ldb + i;
                sum += a[at_a] * b[at_b];
            }
            float &out = c[(size_t)column * ldc + row];
            // As cuBLAS has it: what is not kept is not read.
            out = *alpha * sum + (*beta == 0.0f ? 0.0f : *beta * out);
        }
    return SUCCESS;
}

}  // extern "C"
