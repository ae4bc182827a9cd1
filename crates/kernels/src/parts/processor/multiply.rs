//! Products of tiles.

use std::arch::asm;

use crate::parts::pairs::Pair;
use crate::parts::{BYTES, Columns, ROW, ROWS, STRIP, Sums, TILE};

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

/// [`crate::parts::both::multiply_both_plainly`], of one half of the rows or of both.
///
/// # Safety
/// Where tiles of bytes are available and set up; `left` is a strip of as many tiles of the inner dimension as have
/// `digits`, one or more, and `right` has as many.
pub(in crate::parts) unsafe fn multiply_both(
    second_half: bool,
    left: &[u32],
    digits: &[u8],
    right: &[&Columns],
    sums: &mut Sums,
) {
    const NEXT: usize = TILE * BYTES;
    const LINE: usize = STRIP * BYTES;
    // SAFETY: the tiles are there and leave is given. Read are, of each tile of the inner dimension, two tiles of 1 KiB of
    // as many digits as there are on the left, and two on the right; written are 32 rows of 32 sums. Nothing is put on the
    // stack.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "mov {coming}, qword ptr [{rights}]",
            "2:",
            "mov {right}, {coming}",
            "add {rights}, 8",
            "cmp {count}, 1",
            "je 4f",
            "mov {coming}, qword ptr [{rights}]",
            "4:",
            "cmp byte ptr [{digits}], 1",
            "jb 5f",
            // The left comes from the next cache and is not to drive the right out of the nearest one; where another
            // program, on the same core, does, the next tiles of the right are asked for in advance.
            "tileloaddt1 tmm4, [{left} + {line} * 1]",
            "tileloadd tmm6, [{right} + {line} * 1]",
            ".irp line, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960",
            "prefetcht0 [{coming} + \\line]",
            ".endr",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {line} * 1 + {next}]",
            ".irp line, 1024, 1088, 1152, 1216, 1280, 1344, 1408, 1472, 1536, 1600, 1664, 1728, 1792, 1856, 1920, 1984",
            "prefetcht0 [{coming} + \\line]",
            ".endr",
            "tdpbusd tmm1, tmm4, tmm7",
            "test {second_half:e}, {second_half:e}",
            "jz 3f",
            "tileloaddt1 tmm5, [{left} + {line} * 1 + {next}]",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "3:",
            "cmp byte ptr [{digits}], 1",
            "je 5f",
            "tileloaddt1 tmm4, [{lower} + {line} * 1]",
            "tdpbusd tmm1, tmm4, tmm6",
            "test {second_half:e}, {second_half:e}",
            "jz 5f",
            "tileloaddt1 tmm5, [{lower} + {line} * 1 + {next}]",
            "tdpbusd tmm3, tmm5, tmm6",
            "5:",
            "add {left}, 2 * {next}",
            "add {lower}, 2 * {next}",
            "inc {digits}",
            "dec {count}",
            "jnz 2b",
            "tilestored [{sums} + {wide} * 1], tmm0",
            "tilestored [{sums} + {wide} * 1 + 64], tmm1",
            "tilestored [{sums} + {wide} * 1 + {half}], tmm2",
            "tilestored [{sums} + {wide} * 1 + {half} + 64], tmm3",
            line = in(reg) ROW,
            wide = in(reg) LINE,
            next = const NEXT,
            half = const ROWS * LINE,
            sums = in(reg) sums.as_mut_ptr(),
            left = inout(reg) left.as_ptr() => _,
            lower = inout(reg) left.as_ptr().add(digits.len() * 2 * TILE) => _,
            rights = inout(reg) right.as_ptr() => _,
            right = out(reg) _,
            coming = out(reg) _,
            digits = inout(reg) digits.as_ptr() => _,
            count = inout(reg) digits.len() => _,
            second_half = in(reg) u32::from(second_half),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
