//! Products of tiles.

use std::arch::asm;

use crate::parts::pairs::Pair;
use crate::parts::{BYTES, ROW, ROWS, STRIP, TILE};

/// [`crate::parts::pairs::multiply_plainly`], of the halves that are there.
///
/// # Safety
/// Where tiles of bytes are available and set up; where pairs begin, two tiles lie in `left` and in `right`, and `sums`
/// has room for four.
pub(in crate::parts) unsafe fn multiply(
    pairs: &[Pair],
    [rows, columns]: [bool; 2],
    left: &[u32],
    right: &[u32],
    sums: &mut [i32],
) {
    const NEXT: usize = TILE * BYTES;
    const LINE: usize = STRIP * BYTES;
    // SAFETY: the tiles are there and leave is given. Read are as many pairs as there are, of 8 bytes each, and
    // from where they begin two tiles of 1 KiB; written are 32 rows of 32 sums. Nothing is put on the stack.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {count}, {count}",
            "jz 5f",
            "2:",
            "mov {a:e}, dword ptr [{pairs}]",
            "add {a}, {left}",
            "mov {b:e}, dword ptr [{pairs} + 4]",
            "add {b}, {right}",
            "tileloadd tmm4, [{a} + {line} * 1]",
            "tileloadd tmm6, [{b} + {line} * 1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "test {rows:e}, {rows:e}",
            "jz 3f",
            "tileloadd tmm5, [{a} + {line} * 1 + {next}]",
            "tdpbusd tmm2, tmm5, tmm6",
            "3:",
            "test {columns:e}, {columns:e}",
            "jz 4f",
            "tileloadd tmm7, [{b} + {line} * 1 + {next}]",
            "tdpbusd tmm1, tmm4, tmm7",
            "test {rows:e}, {rows:e}",
            "jz 4f",
            "tdpbusd tmm3, tmm5, tmm7",
            "4:",
            "add {pairs}, 8",
            "dec {count}",
            "jnz 2b",
            "5:",
            "tilestored [{sums} + {wide} * 1], tmm0",
            "tilestored [{sums} + {wide} * 1 + 64], tmm1",
            "tilestored [{lower} + {wide} * 1], tmm2",
            "tilestored [{lower} + {wide} * 1 + 64], tmm3",
            line = in(reg) ROW,
            wide = in(reg) LINE,
            next = const NEXT,
            sums = in(reg) sums.as_mut_ptr(),
            lower = in(reg) sums.as_mut_ptr().add(ROWS * STRIP),
            left = in(reg) left.as_ptr(),
            right = in(reg) right.as_ptr(),
            rows = in(reg) u32::from(rows),
            columns = in(reg) u32::from(columns),
            pairs = inout(reg) pairs.as_ptr() => _,
            count = inout(reg) pairs.len() => _,
            a = out(reg) _,
            b = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
