const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

/** What scrolls sideways is reached by the keyboard; what fits is no stop on its way. */
export function reachWide(root) {
  for (const each of root.querySelectorAll(".table-wide")) sizes.observe(each);
}
