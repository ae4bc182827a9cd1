// What runs on a graphics card beside its matrix products. Matrices lie row by row; compiled where they run, by NVRTC.

typedef unsigned int u32;
typedef unsigned long long u64;

// Marks the draw of the bits that decide what the first sixteen leave open, as on the processor.
#define MORE (1ull << 62)

// One thread an element, in one dimension.
__device__ u64 place() { return blockIdx.x * (u64)blockDim.x + threadIdx.x; }

// Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11.
__device__ void philox(u32 key0, u32 key1, u32 x[4]) {
    for (int round = 0; round < 10; ++round) {
        u64 p0 = (u64)x[0] * 0xD2511F53u, p1 = (u64)x[2] * 0xCD9E8D57u;
        u32 y0 = (u32)(p1 >> 32) ^ x[1] ^ key0, y2 = (u32)(p0 >> 32) ^ x[3] ^ key1;
        x[1] = (u32)p1;
        x[3] = (u32)p0;
        x[0] = y0;
        x[2] = y2;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

__device__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// P = sigmoid(bias + field).
extern "C" __global__ void means(float *fields, const float *bias, u64 length, u32 units) {
    u64 i = place();
    if (i < length) fields[i] = sigmoid(fields[i] + bias[i % units]);
}

// A sample of every unit, as 0 and 1, in rows from `negated` on as 0 and -1; where `keep_fields` is 0, the
// probabilities take the place of the fields. A thread has the units of a row, up to eight, that share a counter of
// Philox: one of `counters`. Rows of up to 64 units lie end to end among the random numbers.
extern "C" __global__ void sample(float *fields, const float *bias, float *samples, u32 rows, u32 units, u32 key0,
                                  u32 key1, u64 draw, u32 first_row, u32 negated, u32 keep_fields,
                                  u32 counters) {
    u64 i = place();
    if (i >= (u64)rows * counters) return;
    u32 row = (u32)(i / counters), drawn = 0;
    u32 drawn_row = first_row + row, before = 0;
    if (units <= 64) {
        before = drawn_row % (1u << 24) * units;
        drawn_row >>= 24;
    }
    u32 counter = before / 128 * 16 + (u32)(i % counters);
    float one = row >= negated ? -1.0f : 1.0f;
    u32 x[4];
    for (u32 eighth = 0; eighth < 8; ++eighth) {
        u32 word = eighth % 4, upper = eighth / 4;
        u32 column = counter / 16 * 128 + upper * 64 + word * 16 + counter % 16;
        if (column < before || column - before >= units) continue;
        u32 unit = column - before;
        if (!drawn) {
            x[0] = counter, x[1] = drawn_row, x[2] = (u32)draw, x[3] = (u32)(draw >> 32);
            philox(key0, key1, x);
            drawn = 1;
        }
        u64 at = (u64)row * units + unit;
        float p = sigmoid(fields[at] + bias[unit]);
        float excess = p * 65536.0f - (float)(x[word] >> (16 * upper) & 0xFFFFu);
        bool is_one = excess >= 1.0f;
        if (excess > 0.0f && excess < 1.0f) {
            u64 further = draw | MORE;
            u32 y[4] = {column / 64 * 16 + column % 16, drawn_row, (u32)further, (u32)(further >> 32)};
            philox(key0, key1, y);
            is_one = (float)(y[column % 64 / 16] >> 8) * 0x1p-24f < excess;
        }
        samples[at] = is_one ? one : 0.0f;
        if (!keep_fields) fields[at] = p;
    }
}

// Row `order[(first + i) % rows]` of the data becomes row i.
extern "C" __global__ void gather(const float *data, const u32 *order, float *out, u64 length, u32 columns, u32 first,
                                  u32 rows) {
    u64 i = place();
    if (i >= length) return;
    u64 row = order[(first + (u32)(i / columns)) % rows];
    out[i] = data[row * columns + i % columns];
}

// out += scale x.
extern "C" __global__ void add(const float *x, float *out, u64 length, float scale) {
    u64 i = place();
    if (i < length) out[i] += scale * x[i];
}

// out *= x.
extern "C" __global__ void multiply(const float *x, float *out, u64 length) {
    u64 i = place();
    if (i < length) out[i] *= x[i];
}

// Packed states to 0 and 1.
extern "C" __global__ void unpack(const u64 *words, float *out, u64 length, u32 units, u32 words_per_row) {
    u64 i = place();
    if (i >= length) return;
    u32 unit = (u32)(i % units);
    out[i] = (float)(words[i / units * words_per_row + unit / 64] >> (unit % 64) & 1);
}

// 0 and 1 to packed states. A thread has a word.
extern "C" __global__ void pack(const float *states, u64 *words, u64 length, u32 units, u32 words_per_row) {
    u64 i = place();
    if (i >= length) return;
    u32 first = (u32)(i % words_per_row) * 64;
    const float *from = states + i / words_per_row * units + first;
    u64 word = 0;
    for (u32 bit = 0; bit < 64 && first + bit < units; ++bit) word |= (u64)(from[bit] > 0.5f) << bit;
    words[i] = word;
}

// Units that are held get their values back.
extern "C" __global__ void hold(float *states, const u64 *held, const u64 *values, u64 length, u32 units,
                                u32 words_per_row) {
    u64 i = place();
    if (i >= length) return;
    u32 unit = (u32)(i % units), word = unit / 64, bit = unit % 64;
    if (held[word] >> bit & 1) states[i] = (float)(values[i / units * words_per_row + word] >> bit & 1);
}

// E(v, h) = -a v - (b + W v) h of every chain, from the fields W v.
extern "C" __global__ void energies(const float *visible, const float *visible_bias, const float *hidden,
                                    const float *hidden_bias, const float *fields, double *out, u32 rows, u32 n_visible,
                                    u32 n_hidden) {
    u64 row = place();
    if (row >= rows) return;
    double energy = 0.0;
    for (u32 i = 0; i < n_visible; ++i) energy -= (double)visible[row * n_visible + i] * visible_bias[i];
    for (u32 j = 0; j < n_hidden; ++j) {
        u64 at = row * n_hidden + j;
        energy -= (double)hidden[at] * ((double)hidden_bias[j] + fields[at]);
    }
    out[row] = energy;
}
