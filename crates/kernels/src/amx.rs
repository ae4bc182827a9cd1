//! The processor's matrix tiles (Intel's Advanced Matrix Extensions): whether they are there, and setting them up.
//!
//! Source: Intel, "Intel Architecture Instruction Set Extensions Programming Reference", ch. 3; Linux, "Using
//! XSTATE features in user space applications".

use std::marker::PhantomData;
use std::sync::LazyLock;

/// Bytes of a tile's row, and rows of a tile.
pub(crate) const ROW: usize = 64;
pub(crate) const ROWS: usize = 16;

/// Whether the processor multiplies tiles of bytes and the system lets us.
pub(crate) fn available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if !crate::plain() {
            return processor::ask();
        }
        false
    });
    *AVAILABLE
}

/// The tiles of this thread, set up from here to where this is dropped; nothing where there are none.
pub(crate) struct Tiles {
    /// Of this thread alone.
    here: PhantomData<*const ()>,
}

impl Tiles {
    pub fn set_up() -> Self {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the processor has these tiles and the system lets us use them, as was asked.
            unsafe { processor::set_up() };
        }
        Self { here: PhantomData }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the processor has these tiles, as was asked.
            unsafe { processor::release() };
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod processor {
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid, __cpuid_count};

    use super::{ROW, ROWS};

    /// Whether there are tiles, and AVX-512 to fill them; asks the system for leave to use them.
    pub(super) fn ask() -> bool {
        /// Bits of register d of leaf 7: tiles, and their products of bytes.
        const TILES: u32 = 1 << 24;
        const BYTES: u32 = 1 << 25;
        /// Asks for leave, by number of the state component: the data of the tiles.
        const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_ulong = 18;
        let vectors = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq");
        if __cpuid(0).eax < 7 || !vectors {
            return false;
        }
        let features = __cpuid_count(7, 0).edx;
        if features & (TILES | BYTES) != TILES | BYTES {
            return false;
        }
        // SAFETY: the call takes two numbers and touches no memory of ours. Without leave, or without any
        // such call, it fails and says so.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_arch_prctl,
                ARCH_REQ_XCOMP_PERM,
                XFEATURE_XTILEDATA,
            )
        };
        answer == 0
    }

    /// Shapes of the eight tiles: 16 rows of 64 bytes each.
    #[repr(C, align(64))]
    struct Shapes([u8; 64]);

    const SHAPES: Shapes = {
        let mut shapes = [0; 64];
        shapes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            shapes[16 + 2 * tile] = ROW as u8;
            shapes[48 + tile] = ROWS as u8;
            tile += 1;
        }
        Shapes(shapes)
    };

    /// Sets this thread's tiles up.
    ///
    /// # Safety
    /// Where [`ask`] says so.
    pub(super) unsafe fn set_up() {
        // SAFETY: 64 bytes are read; no other code of this program uses tiles.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) SHAPES.0.as_ptr(), options(nostack, preserves_flags, readonly));
        }
    }

    /// Gives this thread's tiles back: the system then need not save them.
    ///
    /// # Safety
    /// Where [`ask`] says so.
    pub(super) unsafe fn release() {
        // SAFETY: no other code of this program uses tiles.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}
