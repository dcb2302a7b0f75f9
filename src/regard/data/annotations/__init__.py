"""What an image carries besides a label: boxes, masks, depth, boxes in space; read and written in the field's forms.

One file a format: `voc`, `coco`, `yolo`, `mask_folder`, `depth_png`, `kitti`; `convert` goes from one to another.
"""
