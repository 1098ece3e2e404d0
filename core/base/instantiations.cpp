#include "core/base/instantiations.hpp"

#ifdef __GLIBCXX__
template class std::basic_string<char>;
template class std::vector<std::string>;
template class std::vector<std::pair<std::string, std::string>>;
#endif
