static __always_inline bool passes(struct look *l){return true;}
