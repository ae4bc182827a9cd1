//! Products of bytes: by the processor's matrix tiles, or by its vectors.

use std::sync::LazyLock;

use crate::amx;

/// Whether the processor makes them in one way or the other, and has AVX-512 for all that is done around them.
pub(crate) fn available() -> bool {
    amx::available() || vectors()
}

/// Whether there are no matrix tiles, but vectors of bytes are multiplied and sorted (AVX-512 as of Intel's Ice Lake and
/// AMD's Zen 4).
pub(crate) fn vectors() -> bool {
    static VECTORS: LazyLock<bool> = LazyLock::new(|| {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if !crate::plain() {
            return !amx::available()
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vnni")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vbmi2")
                && is_x86_feature_detected!("avx512vpopcntdq");
        }
        false
    });
    *VECTORS
}
